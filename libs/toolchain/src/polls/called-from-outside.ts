/**
 * Functions of a program that libraries call by name, as an allocator of its own, and what these call. Whoever calls them may be the MPI library with
 * its queues half changed; a poll would let it begin anew from there.
 */

/**
 * @param callees of each function of the module, by index
 * @param starts may call the program: nothing is under way then
 * @returns those of the program that have to be left alone
 */
export function calledFromOutside(
  callees: ReadonlyMap<number, readonly number[]>,
  program: ReadonlySet<number>,
  starts: ReadonlySet<number>,
): ReadonlySet<number> {
  const found = new Set<number>();
  const waiting = [...callees].flatMap(([caller, called]) => (program.has(caller) || starts.has(caller) ? [] : called));
  for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
    if (!program.has(each) || found.has(each)) continue;
    found.add(each);
    waiting.push(...(callees.get(each) ?? []));
  }
  return found;
}

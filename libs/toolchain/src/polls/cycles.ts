/** Functions that can come back to themselves by direct calls: Tarjan's strongly connected components (SIAM J. Comput. 1, 1972). */

/** @param callees of each function; what is not a key calls nothing */
export function inCycles(callees: ReadonlyMap<number, readonly number[]>): ReadonlySet<number> {
  const found = new Set<number>();
  const order = new Map<number, number>();
  const low = new Map<number, number>();
  const path: number[] = [];
  const onPath = new Set<number>();
  const lower = (of: number, to: number): void => void low.set(of, Math.min(low.get(of) ?? to, to));
  const visit = (root: number): void => {
    // An explicit stack: the calls of a generated program can be nested more deeply than ours.
    const work: { readonly at: number; next: number }[] = [];
    const enter = (at: number): void => {
      order.set(at, order.size);
      low.set(at, order.size - 1);
      path.push(at);
      onPath.add(at);
      work.push({ at, next: 0 });
    };
    enter(root);
    for (let top = work.at(-1); top !== undefined; top = work.at(-1)) {
      const { at } = top;
      const callee = callees.get(at)?.[top.next++];
      if (callee !== undefined) {
        if (!callees.has(callee)) continue;
        if (!order.has(callee)) enter(callee);
        else if (onPath.has(callee)) lower(at, order.get(callee) ?? 0);
        continue;
      }
      work.pop();
      const above = work.at(-1);
      if (above !== undefined) lower(above.at, low.get(at) ?? 0);
      if (low.get(at) !== order.get(at)) continue;
      const component = path.splice(path.indexOf(at));
      for (const each of component) onPath.delete(each);
      if (component.length > 1 || callees.get(at)?.includes(at) === true) for (const each of component) found.add(each);
    }
  };
  for (const each of callees.keys()) if (!order.has(each)) visit(each);
  return found;
}

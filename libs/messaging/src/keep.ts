/** How many clients, or answers to one question, a process remembers. */
const maximumKept = 1_024;

/** Remembers something for a name; what was remembered first is forgotten first. */
export function keep<T>(known: Map<string, T>, name: string, value: T): void {
  known.set(name, value);
  for (const oldest of known.keys()) {
    if (known.size <= maximumKept) break;
    known.delete(oldest);
  }
}

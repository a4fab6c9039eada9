/** Where the programs of the stories lie. */
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);

/** A program of test/guests/behaviour, by name without extension. */
export function guest(name: string): string {
  return fileURLToPath(new URL(`test/guests/behaviour/${name}.c`, root));
}

export function example(name: string): string {
  return fileURLToPath(new URL(`examples/${name}.c`, root));
}

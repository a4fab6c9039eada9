/** Whether a process can serve: a list of conditions, each of which says what is in the way, asked anew each time and never for long. */

export type ReadyCheck = () => Promise<string | undefined> | string | undefined;

const checkMs = 2_000;

export class Readiness {
  readonly #checks = new Map<string, ReadyCheck>();
  readonly #waiting = new Map<string, string>();
  #phase: string | undefined = 'starting';

  /** A condition that must hold as long as the process lives. */
  when(name: string, check: ReadyCheck): void {
    this.#checks.set(name, check);
  }

  /** Something is waited for; an empty reason ends that. */
  waiting(name: string, reason: string): void {
    if (reason === '') this.#waiting.delete(name);
    else this.#waiting.set(name, reason);
  }

  /** Undefined: it serves. */
  phase(phase: string | undefined): void {
    this.#phase = phase;
  }

  /** What stands in the way, each with its name; none when the process can serve. */
  async reasons(): Promise<string[]> {
    const said = await Promise.all([...this.#checks].map(async ([name, check]) => [name, await answer(check)] as const));
    return [
      ...(this.#phase === undefined ? [] : [this.#phase]),
      ...[...this.#waiting].map(([name, reason]) => `waits for ${name}: ${reason}`),
      ...said.flatMap(([name, reason]) => (reason === undefined ? [] : [`${name}: ${reason}`])),
    ];
  }
}

async function answer(check: ReadyCheck): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`gave no answer in ${String(checkMs)} ms`), checkMs);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

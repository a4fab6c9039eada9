import type { ExitCause } from '../port.ts';

/** How a program ended, before its counters are known. */
export interface ProgramOutcome {
  readonly cause: ExitCause;
  readonly exitCode: number;
  readonly detail: string;
}

/** Thrown inside a VMM call to unwind the guest's frames when its program is over. */
export class ProgramEnd extends Error {
  readonly outcome: ProgramOutcome;

  constructor(outcome: ProgramOutcome) {
    super(`the program ended: ${outcome.cause}`);
    this.name = 'ProgramEnd';
    this.outcome = outcome;
  }
}

/** Exit codes as a shell reports signals: 128 + SIGABRT and 128 + SIGKILL. */
export const EXIT_TRAPPED = 134;
export const EXIT_KILLED = 137;
/** EX_SOFTWARE of sysexits.h: the fault is the host's. */
export const EXIT_INTERNAL = 70;

/**
 * Why a job ended, and the code that the command line returns for it. One table, which the scheduler and the command line share.
 * 124, 126-143 and 64-78 follow what shells, timeout(1) and sysexits.h have made customary.
 */

export type EndCause =
  | 'exited'
  | 'exit-nonzero'
  | 'trapped'
  | 'mpi-abort'
  | 'no-finalize'
  | 'walltime'
  | 'deadlock'
  | 'output-limit'
  | 'out-of-memory'
  | 'cancelled'
  | 'unsatisfiable'
  | 'node-lost'
  | 'boot-failed'
  | 'internal';

export interface ExitRule {
  /** The code of the job; 'program' means what the program returned, or 1 when that is 0 and the end was none of a success. */
  readonly code: number | 'program';
  /** For people: what the code says. */
  readonly meaning: string;
}

export const exitRules: Readonly<Record<EndCause, ExitRule>> = {
  exited: { code: 0, meaning: 'every rank ended with code 0' },
  'exit-nonzero': { code: 'program', meaning: "a rank ended with another code than 0: the first such rank's code" },
  'mpi-abort': { code: 'program', meaning: 'a rank called MPI_Abort: the code it gave' },
  'no-finalize': { code: 'program', meaning: 'a rank left without MPI_Finalize: its code, or 1 when that was 0' },
  unsatisfiable: { code: 69, meaning: 'the cluster can never run the job: not enough cores or memory' },
  internal: { code: 70, meaning: 'the cluster failed, or was stopped while the job ran' },
  'boot-failed': { code: 71, meaning: 'the image could not be brought to a node, or a VM did not boot' },
  'node-lost': { code: 75, meaning: 'a node that ran the job was lost; submitting it again may help' },
  deadlock: { code: 123, meaning: 'every rank waited and nothing was on its way' },
  walltime: { code: 124, meaning: 'the walltime limit was reached' },
  cancelled: { code: 130, meaning: 'the job was cancelled' },
  trapped: { code: 134, meaning: 'the program crashed' },
  'out-of-memory': { code: 137, meaning: 'the program needed more memory than its VM has' },
  'output-limit': { code: 153, meaning: 'a rank wrote more output than its limit' },
};

/** The exit code of a job that ended for this cause; `programCode` is what the deciding rank returned. Always 0..255. */
export function jobExitCode(cause: EndCause, programCode = 0): number {
  const { code } = exitRules[cause];
  if (code !== 'program') return code;
  const byte = programCode & 0xff;
  return byte === 0 ? 1 : byte;
}

/** Whether a rank that ended so lets the job go on. */
export function isCleanEnd(cause: EndCause): boolean {
  return cause === 'exited';
}

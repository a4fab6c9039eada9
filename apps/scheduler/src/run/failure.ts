import { Code, ConnectError } from '@connectrpc/connect';
import type { EndCause } from '@verbena/domain-job';

/** Why a step of a job failed, in the terms of the job's end. */
export class StepFailure extends Error {
  readonly endCause: EndCause;

  constructor(endCause: EndCause, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StepFailure';
    this.endCause = endCause;
  }
}

export function messageOf(error: unknown): string {
  if (error instanceof ConnectError) return error.rawMessage;
  return error instanceof Error ? error.message : String(error);
}

/** A call to a node failed: the node may be gone, or it said no. */
export function nodeFailure(error: unknown, otherwise: EndCause, what: string): StepFailure {
  const gone = ConnectError.from(error).code === Code.Unavailable;
  return new StepFailure(gone ? 'node-lost' : otherwise, `${what}: ${messageOf(error)}`, { cause: error });
}

/** Whether a call may succeed when it is made again. */
export function mayPass(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.DeadlineExceeded || code === Code.ResourceExhausted;
}

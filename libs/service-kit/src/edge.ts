/** What failures of the event log mean to whoever called a service: one place for all services, so that none tells its caller "internal error". */
import { Code, ConnectError } from '@connectrpc/connect';
import { EventStoreError, type EventStoreProblem } from '@verbena/event-sourcing';

const codes: Record<EventStoreProblem, Code> = {
  unavailable: Code.Unavailable,
  // Space may come back, and callers repeat what is exhausted.
  'no-space': Code.ResourceExhausted,
  overloaded: Code.ResourceExhausted,
  closed: Code.Unavailable,
  failed: Code.Internal,
};

/** For a bus (`translate`): the error that the caller sees. What is no failure of the log stays as it is. */
export function translateStoreErrors(error: unknown): unknown {
  if (!(error instanceof EventStoreError)) return error;
  return new ConnectError(error.message, codes[error.problem], undefined, undefined, error);
}

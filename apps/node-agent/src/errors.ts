/** What a node-agent refuses, and how the edge says so. Inside, errors carry a reason; only `asConnectError` knows RPC codes. */
import { Code, ConnectError } from '@connectrpc/connect';

export type RefusalReason =
  | 'invalid'
  | 'no-capacity'
  | 'unknown-vm'
  | 'unknown-image'
  | 'vm-busy'
  | 'boot-failed'
  | 'start-failed'
  | 'stopping'
  | 'old-term'
  | 'not-movable'
  | 'not-here'
  | 'no-adapter'
  | 'old-fence'
  | 'unregistered';

export class Refusal extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Refusal';
    this.reason = reason;
  }
}

const codes: Readonly<Record<RefusalReason, Code>> = {
  invalid: Code.InvalidArgument,
  'no-capacity': Code.ResourceExhausted,
  'unknown-vm': Code.NotFound,
  'unknown-image': Code.FailedPrecondition,
  'vm-busy': Code.FailedPrecondition,
  'boot-failed': Code.Internal,
  'start-failed': Code.Internal,
  stopping: Code.Unavailable,
  'old-term': Code.FailedPrecondition,
  'not-movable': Code.FailedPrecondition,
  'not-here': Code.FailedPrecondition,
  'no-adapter': Code.FailedPrecondition,
  'old-fence': Code.FailedPrecondition,
  unregistered: Code.Unavailable,
};

export function asConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof Refusal) return new ConnectError(error.message, codes[error.reason], undefined, undefined, error.cause);
  return ConnectError.from(error, Code.Internal);
}

/** The text of whatever was thrown, for receipts and reports. */
export function messageOf(error: unknown): string {
  if (error instanceof ConnectError) return error.rawMessage;
  return error instanceof Error ? error.message : String(error);
}

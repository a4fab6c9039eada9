/** Errors of this service, and the one place where they become codes of the wire. */
import { Code, ConnectError } from '@connectrpc/connect';
import { ChunkError, type ChunkProblem } from '@verbena/chunk-store';

export type StorageProblem =
  'invalid' | 'gap' | 'sealed' | 'superseded' | 'too-much' | 'no-space' | 'not-found' | 'not-yours' | 'corrupt' | 'busy';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly problem: StorageProblem;

  constructor(problem: StorageProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

const storageCodes: Record<StorageProblem, Code> = {
  invalid: Code.InvalidArgument,
  gap: Code.OutOfRange,
  sealed: Code.FailedPrecondition,
  superseded: Code.FailedPrecondition,
  'too-much': Code.FailedPrecondition,
  // Space may come back, and callers repeat what is exhausted.
  'no-space': Code.ResourceExhausted,
  'not-found': Code.NotFound,
  'not-yours': Code.PermissionDenied,
  corrupt: Code.DataLoss,
  busy: Code.ResourceExhausted,
};

const chunkCodes: Record<ChunkProblem, Code> = {
  'invalid-digest': Code.InvalidArgument,
  mismatch: Code.InvalidArgument,
  'too-large': Code.InvalidArgument,
  quota: Code.ResourceExhausted,
  'no-space': Code.ResourceExhausted,
  corrupt: Code.DataLoss,
};

/** What the caller is told. What is no error of ours stays as it is: the bus hides it from the caller and tells the operator. */
export function atTheEdge(error: unknown): unknown {
  if (error instanceof StorageError) return new ConnectError(error.message, storageCodes[error.problem], undefined, undefined, error);
  if (error instanceof ChunkError) return new ConnectError(error.message, chunkCodes[error.problem], undefined, undefined, error);
  return error;
}

/** A unary handler whose errors are told at the edge. */
export function edge<I, C, O>(handle: (request: I, context: C) => Promise<O>): (request: I, context: C) => Promise<O> {
  return async (request, context) => {
    try {
      return await handle(request, context);
    } catch (error) {
      throw atTheEdge(error);
    }
  };
}

/** The same for a stream. */
export function streamEdge<I, C, O>(handle: (request: I, context: C) => AsyncIterable<O>): (request: I, context: C) => AsyncIterable<O> {
  return async function* (request, context) {
    try {
      yield* handle(request, context);
    } catch (error) {
      throw atTheEdge(error);
    }
  };
}

/** A part of a request that a parser of identifiers refuses. */
export function parsed<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (cause) {
    throw new StorageError('invalid', (cause as Error).message, { cause });
  }
}

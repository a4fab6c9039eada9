/** How a batch of appends failed, and what its callers are told of it. */
import { DatabaseError, isConnectionFailure, isDiskFull, reasonOf } from './connection.ts';
import { logEndsElsewhere } from './schema.ts';

export interface FailedBatch {
  /** Set while nobody knows whether an attempt was committed: the head before it. */
  readonly lostAfter: bigint | undefined;
  /** An attempt failed for want of space. */
  readonly diskFull: boolean;
}

/** The error of each append of a batch that was given up. */
export function appendFailure({ lostAfter, diskFull }: FailedBatch, cause: unknown, database: string): DatabaseError {
  const mayHaveCommitted = lostAfter !== undefined;
  const outcome = mayHaveCommitted
    ? 'it may have been written all the same; asking again with the same command id is safe, and tells'
    : 'nothing was written; ask again';
  const where = `could not append to the event log at ${database}`;
  if (diskFull || isDiskFull(cause)) {
    const message = `${where}: its disk is full (${reasonOf(cause)}). Free space there, or give it more: appends succeed again by themselves. Of this one: ${outcome}`;
    return new DatabaseError('no-space', message, { cause, mayHaveCommitted });
  }
  const problem = isConnectionFailure(cause) ? 'unavailable' : 'failed';
  return new DatabaseError(problem, `${where}: ${reasonOf(cause)}; ${outcome}`, { cause, mayHaveCommitted });
}

/** Whether the transaction may have been committed although its commit failed so: an error that the server reports, and survives, has undone it. */
export function leavesDoubt(error: unknown): boolean {
  const { severity } = (error ?? {}) as { severity?: unknown };
  return isConnectionFailure(error) || severity === 'FATAL' || severity === 'PANIC';
}

/** The log did not end where the writer believed; or a stream or a command that it took to be new was there. */
export function isWrongGuess(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === logEndsElsewhere || code === '23505';
}

/** Streams that are cut off because a part of the cluster is away for a moment: they are asked for again, until it has been away for too long. */
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectionProblem } from '../errors.ts';

export interface ResumingOptions {
  readonly signal: AbortSignal;
  /** How long nothing may come, in milliseconds. */
  readonly awayMs: number;
}

const firstMs = 100;
const longestMs = 1_000;

/** Whether a call failed because whoever serves it cannot be reached, and not for what was asked. */
export function isCutOff(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  // A server that is killed closes its connections in the middle of an answer, which is no answer.
  return (
    error.code === Code.Unavailable ||
    connectionProblem(error) !== undefined ||
    /premature|missing trailer|stream ended|socket hang up/i.test(error.rawMessage)
  );
}

/**
 * Runs something that reads a stream, again and again while it is cut off.
 * @param read calls `alive` whenever something came
 * @throws the error of the last attempt when it is another, the signal aborts, or nothing has come for so long
 */
export async function resuming<T>({ signal, awayMs }: ResumingOptions, read: (alive: () => void) => Promise<T>): Promise<T> {
  let heardAt = performance.now();
  for (let wait = firstMs; ; wait = Math.min(wait * 2, longestMs)) {
    try {
      return await read(() => {
        heardAt = performance.now();
        wait = firstMs;
      });
    } catch (error) {
      if (signal.aborted || !isCutOff(error) || performance.now() - heardAt > awayMs) throw error;
      await delay(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}

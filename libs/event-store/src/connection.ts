/** Connections to Postgres: what is worth another attempt, and how a failure is told. */
import { setTimeout as delay } from 'node:timers/promises';
import { EventStoreError, type EventStoreProblem } from '@verbena/event-sourcing';
import pg from 'pg';

/** Postgres cannot be used; the message names host, port and database, and never the password. */
export class DatabaseError extends EventStoreError {
  override readonly name = 'DatabaseError';
}

/** "host:port/database" of a connection URL. */
export function describeDatabase(databaseUrl: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(databaseUrl);
    return `${searchParams.get('host') ?? (hostname || 'localhost')}:${port || '5432'}${pathname || '/'}`;
  } catch {
    return 'the database of a URL that cannot be parsed (one looks like postgresql://user:password@host:5432/database)';
  }
}

/**
 * SQLSTATE classes: 08 connection exception, 57P01-57P05 the server is going or coming, 53300 too many connections, 25P03 it took us for dead,
 * 57014 and 55P03 a statement waited for a lock for too long.
 */
const passing = /^(08...|57P0[1235]|53300|25P03|57014|55P03)$/;
const systemCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ENOENT',
]);

/** Whether the connection, and not what was asked, is at fault. After such a failure of a commit nobody knows whether it happened. */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isConnectionFailure);
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as Error & { code?: unknown; severity?: unknown };
  // A server that ends for want of space ends all the same.
  if (severity === 'PANIC') return true;
  if (typeof code === 'string') return passing.test(code) || systemCodes.has(code);
  return /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout)/.test(
    error.message,
  );
}

/** The server could not write for want of space, or of the right to write more (a file size limit). */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  // 53100 disk_full; a quota (EDQUOT) comes under it too, a limit of file sizes (EFBIG) under none of its own.
  return code === '53100' || /No space left on device|File too large|Disk quota exceeded/.test(error.message);
}

/** What a failure of the database is called. */
export function problemOf(error: unknown): EventStoreProblem {
  return isDiskFull(error) ? 'no-space' : isConnectionFailure(error) ? 'unavailable' : 'failed';
}

/** Serialisation failures and deadlocks, after which nothing was written. */
export function isConflict(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '40001' || code === '40P01';
}

export interface RetryOptions {
  /** How long to go on, in milliseconds. */
  readonly forMs: number;
  readonly retryable: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
  readonly onRetry?: (error: unknown, waitMs: number) => void;
}

/** Runs until it succeeds, fails for a reason that another attempt does not change, or the time is over. Waits 20 ms, then twice as long, up to 1 s. */
export async function withRetry<T>(run: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal } = options;
  const end = performance.now() + options.forMs;
  const aborted = (): boolean => signal?.aborted === true;
  for (let attempt = 1, wait = 20; ; attempt++, wait = Math.min(wait * 2, 1_000)) {
    try {
      return await run(attempt);
    } catch (error) {
      if (!options.retryable(error) || performance.now() + wait > end || aborted()) throw error;
      options.onRetry?.(error, wait);
      await delay(wait, undefined, signal && { signal }).catch(() => undefined);
      if (aborted()) throw error;
    }
  }
}

/** What a failure to reach the server says, in one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

const int8 = 20;
const json = 114;

/** bigint columns as bigint: a position does not fit a double for ever. JSON is parsed as pg does. */
export const pgTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === int8 && format !== 'binary') return (text: string) => BigInt(text);
    if (oid === json && format !== 'binary') return (text: string) => JSON.parse(text) as unknown;
    return pg.types.getTypeParser(oid, format) as (value: string) => unknown;
  },
};

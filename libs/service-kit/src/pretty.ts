/** A log record as one line for people. Anything in it may come from a guest, so no control character reaches the terminal. */

interface LogRecord {
  readonly level: number;
  readonly time: number;
  readonly name?: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** Names of levels, by their numbers in a record. */
export const logLevels: ReadonlyMap<number, string> = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
]);

export interface PrettyOptions {
  /** With the date, and the trace at the end: for records of other days, and of many services. */
  readonly whole?: boolean;
}

const hidden = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err', 'trace_id', 'span_id', 'trace_flags']);

/** Formats a line of pino's JSON; what is no JSON passes as it is, without control characters. */
export function prettyLine(json: string, { whole = false }: PrettyOptions = {}): string {
  let record: LogRecord;
  try {
    record = JSON.parse(json) as LogRecord;
  } catch {
    return visible(json);
  }
  const time = new Date(record.time).toISOString();
  const level = (logLevels.get(record.level) ?? String(record.level)).padEnd(5);
  const fields = Object.entries(record)
    .filter(([name]) => !hidden.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`);
  const error = record.err === undefined ? [] : [`(${record.err.message ?? 'error'})`];
  const traced = whole && typeof record['trace_id'] === 'string' ? [`trace_id=${record['trace_id']}`] : [];
  return visible(
    [whole ? time : time.slice(11, 23), level, `${record.name ?? 'verbena'}:`, record.msg ?? '', ...error, ...fields, ...traced].join(' '),
  );
}

function visible(text: string): string {
  return text
    .trimEnd()
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

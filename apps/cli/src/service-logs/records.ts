/** A line of a service's log as a record: JSON as our services write it, the lines of nats-server, and whatever else a process prints when it crashes. */
import { logLevels } from '@verbena/service-kit';

export interface ServiceRecord {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** As pino numbers them: 30 is info, 40 warn, 50 error. */
  readonly level: number;
  /** The process that wrote it: "scheduler", "node-0", "nats"; "verbena" for what holds the cluster. */
  readonly process: string;
  /** The service that speaks: "node-agent" of the process node-0. */
  readonly service: string;
  /** 32 hexadecimal digits; empty outside of any trace. */
  readonly traceId: string;
  /** The record as JSON on one line. */
  readonly json: string;
}

export interface RecordFilter {
  /** A process or a service; all when absent. */
  readonly service?: string;
  readonly leastLevel: number;
  readonly traceId?: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

const numbers = new Map([...logLevels].map(([number, name]) => [name, number]));
const [info, error] = [30, 50];

/** @returns undefined for what is no level */
export const levelNumber = (name: string): number | undefined => numbers.get(name);

/** "[123] 2026/11/21 18:41:00.273277 [INF] Starting nats-server", at the time of day of the machine. */
const natsLine = /^\[\d+\] (\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{3})\d* \[([A-Z]{3})\] (.*)$/;
const natsLevels: Readonly<Record<string, number>> = { TRC: 10, DBG: 20, INF: info, WRN: 40, ERR: error, FTL: 60 };

/**
 * @param process whose file the line is of
 * @param before the record before it in the file: a line without a time is of that time
 */
export function recordOf(line: string, process: string, before: ServiceRecord | undefined): ServiceRecord {
  const fields = objectOf(line);
  if (fields !== undefined) {
    const { time, level } = fields;
    const service = text(fields['service']) || process;
    const name = process === embedded ? text(fields['instance']) || service : process;
    return {
      time: typeof time === 'number' && Math.abs(time) < 8.64e15 ? time : (before?.time ?? 0),
      level: typeof level === 'number' ? level : info,
      process: name,
      service,
      traceId: text(fields['trace_id']),
      json: JSON.stringify({ ...fields, name }),
    };
  }
  const [, date = '', kind = '', said] = natsLine.exec(line) ?? [];
  const time = said === undefined ? (before?.time ?? 0) : new Date(date).getTime();
  // Our services write nothing else unless they cannot go on, or Node warns of something.
  const level = said === undefined ? error : (natsLevels[kind] ?? info);
  return { time, level, process, service: process, traceId: '', json: JSON.stringify({ level, time, name: process, msg: said ?? line }) };
}

/** The process that holds the cluster writes for all services within it. */
export const embedded = 'verbena';

export function passes(record: ServiceRecord, { service, leastLevel, traceId, since }: RecordFilter): boolean {
  return (
    record.time >= since &&
    record.level >= leastLevel &&
    (service === undefined || record.service === service || record.process === service) &&
    (traceId === undefined || record.traceId === traceId)
  );
}

function objectOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    // Half a line, of a process that was killed while it wrote.
    return undefined;
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

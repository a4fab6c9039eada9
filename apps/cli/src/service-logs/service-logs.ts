/** The logs of a cluster's services in its data directory: of one process that holds them all, or of a process for each, in the order of time. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LogTail } from './log-tail.ts';
import { embedded, passes, recordOf, type RecordFilter, type ServiceRecord } from './records.ts';

const lookEveryMs = 200;

export class ServiceLogs {
  readonly #dataDir: string;
  readonly #filter: RecordFilter;
  readonly #tails = new Map<string, LogTail>();
  /** Of each process, for lines that have no time of their own. */
  readonly #last = new Map<string, ServiceRecord>();
  /** Names of processes and services that have said anything. */
  readonly names = new Set<string>();

  constructor(dataDir: string, filter: RecordFilter) {
    this.#dataDir = dataDir;
    this.#filter = filter;
  }

  /** What is there now and was not given yet, in the order of time; each log is in its own order. Memory does not grow with what is read. */
  async *read(): AsyncGenerator<ServiceRecord> {
    await this.#open();
    const heads: { record: ServiceRecord; rest: AsyncGenerator<ServiceRecord> }[] = [];
    const take = async (rest: AsyncGenerator<ServiceRecord>): Promise<void> => {
      const next = await rest.next();
      if (next.done !== true) heads.push({ record: next.value, rest });
    };
    for (const [process, tail] of this.#tails) await take(this.#passing(process, tail));
    while (heads.length > 0) {
      const first = heads.reduce((least, { record }, index) => (record.time < (heads[least]?.record.time ?? Infinity) ? index : least), 0);
      const [head] = heads.splice(first, 1);
      if (head === undefined) return;
      yield head.record;
      await take(head.rest);
    }
  }

  /** Goes on with what comes, until the signal aborts. */
  async *follow(signal?: AbortSignal): AsyncGenerator<ServiceRecord> {
    for (;;) {
      yield* this.read();
      if (signal?.aborted === true) return;
      await delay(lookEveryMs, undefined, signal && { signal }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    for (const tail of this.#tails.values()) await tail.close();
  }

  async #open(): Promise<void> {
    const own = { process: embedded, path: join(this.#dataDir, 'verbena.log') };
    const logs = join(this.#dataDir, 'logs');
    const names = (await readdir(logs).catch(() => [])).filter((name) => name.endsWith('.log'));
    const found = names.map((name) => ({ process: name.slice(0, -'.log'.length), path: join(logs, name) }));
    for (const { process, path } of [own, ...found]) if (!this.#tails.has(process)) this.#tails.set(process, new LogTail(path));
  }

  async *#passing(process: string, tail: LogTail): AsyncGenerator<ServiceRecord> {
    for await (const line of tail.lines()) {
      const record = recordOf(line, process, this.#last.get(process));
      this.#last.set(process, record);
      this.names.add(record.process).add(record.service);
      if (passes(record, this.#filter)) yield record;
    }
  }
}

/**
 * The output of one job: a file of records that only grows, and in memory where each rank's streams end. Followers read the file, each at its own
 * pace, and are woken when it has grown; nothing is buffered for them.
 *
 * Offsets make appends idempotent: what lies before a stream's end is here already; what would leave a gap is refused. A job that runs again
 * begins its streams anew under the next attempt: from then on nothing of the earlier ones is taken, and readers begin with the last.
 */
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '@verbena/chunk-store';
import { StorageError } from '../errors.ts';
import { isPlace, readAt, readBlock, recordsIn } from './blocks.ts';
import {
  decodeHeader,
  encodeRecord,
  headerBytes,
  isIntact,
  maximumData,
  mark,
  markStream,
  type OutputRecord,
  type RecordHeader,
} from './record.ts';

export interface OutputLogOptions {
  readonly jobId: string;
  readonly path: string;
  /** Most bytes of the file. */
  readonly maximumBytes: number;
  /** Whether the event log says that the output is sealed: all that tells it of a job that has written nothing, which has no file. */
  readonly sealedBefore?: () => Promise<boolean>;
}

export interface ReadOptions {
  /** All when absent. */
  readonly rank?: number | undefined;
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** The `next` of an earlier batch. */
  readonly after?: number;
}

export interface OutputBatch {
  readonly records: readonly OutputRecord[];
  /** Where the log goes on behind them. */
  readonly next: number;
}

export class OutputLog {
  readonly #options: OutputLogOptions;
  readonly #ends = new Map<string, bigint>();
  readonly #wake = new Set<() => void>();
  #length = 0;
  #sealed = false;
  /** The last attempt, and where its output begins. */
  #attempt = 1;
  #begin = 0;
  /** Appends come one after another. */
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: OutputLogOptions) {
    this.#options = options;
  }

  /** Opens a job's log, or begins one: nothing is made on disk before there is something to keep. */
  static async open(options: OutputLogOptions): Promise<OutputLog> {
    const log = new OutputLog(options);
    await log.#recover();
    return log;
  }

  get sealed(): boolean {
    return this.#sealed;
  }

  /** Bytes of the file. */
  get length(): number {
    return this.#length;
  }

  /** The last attempt that has written, or has begun to. */
  get attempt(): number {
    return this.#attempt;
  }

  /**
   * Appends what is new of these pieces of an attempt, all or nothing. Without pieces it says that the attempt has begun.
   * @throws {StorageError} superseded when a later attempt has begun; gap, invalid, too-much, sealed, no-space
   */
  append(pieces: readonly OutputRecord[], attempt = 1): Promise<void> {
    return this.#inTurn(async () => {
      await this.#lookForSeal();
      if (attempt < this.#attempt)
        throw new StorageError(
          'superseded',
          `${this.#options.jobId} is in its attempt ${this.#attempt}: output of attempt ${attempt} is late`,
        );
      if (attempt > this.#attempt && !this.#sealed) {
        await this.#write([mark(attempt)], false);
        this.#take({ ...mark(attempt), copied: false, length: 0, crc: 0 }, this.#length - headerBytes);
      }
      const fresh = this.#fresh(pieces);
      if (fresh.length === 0) return;
      if (this.#sealed) throw new StorageError('sealed', `the output of ${this.#options.jobId} is sealed: the job is over`);
      await this.#write(fresh, false);
      for (const { rank, stream, offset, data } of fresh) this.#ends.set(keyOf(rank, stream), offset + BigInt(data.length));
    });
  }

  /** A log without a file may have been sealed in an earlier life of ours. */
  async #lookForSeal(): Promise<void> {
    if (this.#length === 0 && !this.#sealed && (await this.#options.sealedBefore?.())) this.#sealed = true;
  }

  /** Says that nothing more will come; durable when it resolves. Again is harmless. */
  seal(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#sealed) return;
      // A file with nothing but the seal would cost more than all else that such a job does to the disk.
      if (this.#length > 0 || this.#options.sealedBefore === undefined) await this.#write([mark()], true);
      this.#sealed = true;
      this.#wakeAll();
    });
  }

  /**
   * Batches of pieces, of one rank or of all; with `follow` until the log is sealed or the signal aborts. They begin with the last attempt, or where an
   * earlier reader's last batch ended. @throws {StorageError} invalid, for another place
   */
  async *read(options: ReadOptions): AsyncGenerator<OutputBatch> {
    const { rank, follow, signal, after = 0 } = options;
    let file: FileHandle | undefined;
    let position = after === 0 ? this.#begin : after;
    await this.#lookForSeal();
    try {
      if (after > 0) {
        if (position < this.#length) file = await open(this.#options.path, 'r');
        if (!(await isPlace(file, position, this.#length)))
          throw new StorageError(
            'invalid',
            `the output of ${this.#options.jobId} cannot be gone on with from ${position}: no piece begins there`,
          );
      }
      while (!signal.aborted) {
        // What holds now, because it may change while the file is read.
        const [end, last] = [this.#length, this.#sealed];
        while (position < end && !signal.aborted) {
          file ??= await open(this.#options.path, 'r');
          const { records, bytes } = await readBlock(file, position, end);
          position += bytes;
          const wanted = records.filter((record) => record.stream !== markStream && (rank === undefined || record.rank === rank));
          if (wanted.length > 0) yield { records: wanted, next: position };
        }
        if (last || !follow) return;
        if (this.#length === end && this.#sealed === last) await this.#changed(signal);
      }
    } finally {
      await file?.close();
    }
  }

  /** What has been written by now, of all attempts. */
  written(): AsyncGenerator<readonly OutputRecord[]> {
    return recordsIn(this.#options.path, this.#length);
  }

  /** Where a stream of the last attempt ends. */
  end(rank: number, stream: number): bigint {
    return this.#ends.get(keyOf(rank, stream)) ?? 0n;
  }

  /** The pieces beyond what is here, cut where they begin before it. @throws {StorageError} gap, invalid, too-much */
  #fresh(pieces: readonly OutputRecord[]): OutputRecord[] {
    const ends = new Map<string, bigint>();
    const fresh: OutputRecord[] = [];
    let bytes = 0;
    for (const { rank, stream, attempt, offset, data, copied } of pieces) {
      if (data.length > maximumData)
        throw new StorageError('invalid', `a piece of output has ${data.length} bytes, at most ${maximumData} are taken`);
      const key = keyOf(rank, stream);
      const end = ends.get(key) ?? this.end(rank, stream);
      if (offset > end) {
        throw new StorageError(
          'gap',
          `output of rank ${rank} of ${this.#options.jobId} ends at byte ${end}; a piece from ${offset} on leaves a gap`,
        );
      }
      const known = Number(end - offset);
      if (known >= data.length) continue;
      fresh.push({ rank, stream, attempt, offset: end, data: data.subarray(known), ...(copied === true && { copied }) });
      ends.set(key, offset + BigInt(data.length));
      bytes += headerBytes + data.length - known;
    }
    if (this.#length + bytes > this.#options.maximumBytes) {
      throw new StorageError(
        'too-much',
        `${this.#options.jobId} has written ${this.#length} bytes of output, and at most ${this.#options.maximumBytes} are kept`,
      );
    }
    return fresh;
  }

  async #write(records: readonly OutputRecord[], sync: boolean): Promise<void> {
    const { path } = this.#options;
    const bytes = Buffer.concat(records.map(encodeRecord));
    const isNew = this.#length === 0;
    if (isNew) await mkdir(dirname(path), { recursive: true });
    const file = await open(path, isNew ? 'a+' : 'r+');
    try {
      await file.write(bytes, 0, bytes.length, this.#length);
      if (sync) await file.sync();
    } catch (cause) {
      // A part of it may be there; the next write begins where this one did.
      await file.truncate(this.#length).catch(() => undefined);
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cause;
      throw new StorageError('no-space', `no space is left on the disk for the output of ${this.#options.jobId}`, { cause });
    } finally {
      await file.close();
    }
    if (sync) await syncDirectory(dirname(path));
    this.#length += bytes.length;
    this.#wakeAll();
  }

  /** Reads the headers of what is there, and cuts off what a crash left half-written. */
  async #recover(): Promise<void> {
    const file = await open(this.#options.path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (file === undefined) return;
    try {
      const { size } = await file.stat();
      let start = await this.#scan(file, size);
      // Only the last record can be torn, since each is written when the one before it is.
      if (this.#length > 0 && !isIntact(await readAt(file, start, this.#length - start))) start = await this.#scan(file, start);
      if (this.#length < size) await file.truncate(this.#length);
    } finally {
      await file.close();
    }
  }

  /** Takes in what the headers up to a place say. @returns where the last record begins */
  async #scan(file: FileHandle, size: number): Promise<number> {
    this.#length = this.#begin = 0;
    this.#attempt = 1;
    this.#sealed = false;
    this.#ends.clear();
    for (let start = 0; ;) {
      const header = decodeHeader(await readAt(file, this.#length, headerBytes));
      if (header === undefined || this.#length + headerBytes + header.length > size) return start;
      start = this.#length;
      this.#length += headerBytes + header.length;
      this.#take(header, start);
    }
  }

  #take({ rank, stream, attempt, offset, length }: RecordHeader, start: number): void {
    if (stream !== markStream) this.#ends.set(keyOf(rank, stream), offset + BigInt(length));
    else if (attempt === 0) this.#sealed = true;
    else {
      this.#attempt = attempt;
      this.#begin = start;
      this.#ends.clear();
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#wake]) wake();
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(run);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}

function keyOf(rank: number, stream: number): string {
  return `${rank}/${stream}`;
}

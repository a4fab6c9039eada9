/**
 * The snapshot of a suspended program (docs/formats/snapshot.md): a head, frames, and the digest of all that came before. It is written and read as
 * a stream; a reader holds one frame at a time.
 */
import { createHash } from 'node:crypto';
import { bytes, struct, u32 } from '@verbena/binary';
import { BadStream } from './errors.ts';
import { decodeFields, encodeFields } from './fields.ts';
import { DirtyPages } from './pages.ts';
import { applyRecords, encodeCluster, type Grow } from './records.ts';

export const snapshotVersion = 1;
export const snapshotMagic = new Uint8Array([0x56, 0x42, 0x53, 0x4e, 0x41, 0x50, 0x1a, 0x0a]);
const kindProgram = 1;

export const snapshotHead = struct('snapshot_head', { magic: bytes(8), version: u32, kind: u32 }, 16);
export const frameHead = struct('snapshot_frame', { kind: u32, length: u32 }, 8);
export const frameKind = { fields: 1, pages: 2, file: 3, data: 4, end: 5 } as const;

/** Of a frame's payload: standard input is part of the fields. */
export const frameLimit = 64 * 1024 * 1024;

export interface SnapshotFile {
  readonly place: string;
  readonly path: readonly string[];
  readonly kind: string;
  readonly size: number;
  readonly modifiedMs: number;
  content(): AsyncIterable<Uint8Array>;
}

/** @param fields all that is neither memory nor files, by name */
export async function* encodeSnapshot(
  fields: unknown,
  memory: Uint8Array,
  files: AsyncIterable<SnapshotFile>,
  compression = 0,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const out = (piece: Uint8Array): Uint8Array => {
    hash.update(piece);
    return piece;
  };
  yield out(snapshotHead.encode({ magic: snapshotMagic, version: snapshotVersion, kind: kindProgram }));
  yield out(frame(frameKind.fields, encodeFields(fields)));
  for (const cluster of new DirtyPages().scan(memory))
    yield out(frame(frameKind.pages, Buffer.concat(encodeCluster(cluster, { delta: false, compression }))));
  for await (const { content, ...entry } of files) {
    yield out(frame(frameKind.file, encodeFields({ ...entry })));
    for await (const piece of content()) yield out(frame(frameKind.data, piece));
  }
  yield frame(frameKind.end, hash.digest());
}

function frame(kind: number, payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array(frameHead.size + payload.length);
  whole.set(frameHead.encode({ kind, length: payload.length }));
  whole.set(payload, frameHead.size);
  return whole;
}

/** Where the parts of a snapshot go, in the order in which they come. */
export interface SnapshotSink {
  /** Comes first; answers how the guest's memory is given. @throws anything to refuse the snapshot */
  fields(value: unknown): Promise<{ readonly grow: Grow; readonly limitBytes: number }>;
  file(entry: unknown): Promise<void>;
  /** Of the last file. */
  data(piece: Uint8Array): Promise<void>;
}

type Stage = 'head' | 'fields' | 'body' | 'ended';

export class SnapshotReader {
  readonly #sink: SnapshotSink;
  readonly #hash = createHash('sha256');
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #stage: Stage = 'head';
  #memory: { readonly grow: Grow; readonly limitBytes: number } | undefined;

  constructor(sink: SnapshotSink) {
    this.#sink = sink;
  }

  /** @throws BadStream, and what the sink throws; the snapshot is refused then, whatever was taken of it */
  async push(piece: Uint8Array): Promise<void> {
    this.#waiting.push(piece);
    this.#bytes += piece.length;
    while (await this.#step());
  }

  /** @throws BadStream when the snapshot is not whole */
  end(): void {
    if (this.#stage !== 'ended') throw new BadStream('the snapshot ends before its digest: it was cut off');
  }

  async #step(): Promise<boolean> {
    if (this.#stage === 'ended') {
      if (this.#bytes > 0) throw new BadStream('something follows the digest of the snapshot');
      return false;
    }
    if (this.#stage === 'head') {
      const head = this.#take(snapshotHead.size);
      if (head === undefined) return false;
      this.#head(head);
      this.#hash.update(head);
      return true;
    }
    const head = this.#peek(frameHead.size);
    if (head === undefined) return false;
    const { kind, length } = frameHead.decode(head);
    if (length > frameLimit) throw new BadStream(`a frame of ${String(length)} bytes is longer than any may be`);
    const whole = this.#take(frameHead.size + length);
    if (whole === undefined) return false;
    const payload = whole.subarray(frameHead.size);
    if (kind === frameKind.end) this.#end(payload);
    else {
      this.#hash.update(whole);
      await this.#frame(kind, payload);
    }
    return true;
  }

  #head(head: Uint8Array): void {
    const { magic: found, version, kind } = snapshotHead.decode(head);
    if (Buffer.compare(found, snapshotMagic) !== 0) throw new BadStream('this is no snapshot');
    if (version !== snapshotVersion)
      throw new BadStream(`this snapshot has the version ${String(version)}: this program reads version ${String(snapshotVersion)}`);
    if (kind !== kindProgram) throw new BadStream(`this snapshot is of the kind ${String(kind)}, which is not known`);
    this.#stage = 'fields';
  }

  async #frame(kind: number, payload: Uint8Array): Promise<void> {
    if (this.#stage === 'fields') {
      if (kind !== frameKind.fields) throw new BadStream('a snapshot begins with its fields');
      this.#memory = await this.#sink.fields(decodeFields(payload));
      this.#stage = 'body';
    } else if (kind === frameKind.pages && this.#memory !== undefined) applyRecords(payload, this.#memory.grow, this.#memory.limitBytes);
    else if (kind === frameKind.file) await this.#sink.file(decodeFields(payload));
    else if (kind === frameKind.data) await this.#sink.data(payload);
    else throw new BadStream(`frames of the kind ${String(kind)} are not known here`);
  }

  #end(digest: Uint8Array): void {
    if (this.#stage !== 'body') throw new BadStream('the snapshot has no fields');
    if (Buffer.compare(digest, this.#hash.digest()) !== 0)
      throw new BadStream('the digest of the snapshot is another: it was changed or damaged');
    this.#stage = 'ended';
  }

  #peek(length: number): Uint8Array | undefined {
    if (this.#bytes < length) return undefined;
    const [first] = this.#waiting;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    const joined = Buffer.concat(this.#waiting);
    this.#waiting = [joined];
    return joined.subarray(0, length);
  }

  #take(length: number): Uint8Array | undefined {
    const taken = this.#peek(length);
    const [first, ...rest] = this.#waiting;
    if (taken === undefined || first === undefined) return undefined;
    this.#waiting = first.length === length ? rest : [first.subarray(length), ...rest];
    this.#bytes -= length;
    return taken;
  }
}

/** How the pages of a guest get to the target. */
import { encodeCluster, type Cluster, type EncodeOptions, type KeepCopy } from '@verbena/live-migration';
import { bytesOf } from './transport.ts';

export interface PagePath {
  /** Where the copy of what was sent is kept, if that is for the path to say. */
  readonly keep?: KeepCopy;
  /** Bytes of records that went in frames: what the target must have taken. */
  readonly framed: number;
  /** From then on the target takes pages of so much memory, in bytes. */
  reach(bytes: number): Promise<void>;
  /** @returns bytes that cross the link for it */
  send(cluster: Cluster): Promise<number>;
  /** Resolves when all that was sent is in the target's memory. */
  settle(): Promise<void>;
  close(): void;
}

/** As records in frames, beside everything else of the migration. */
export class FramePath implements PagePath {
  readonly #encoding: EncodeOptions;
  readonly #sendRecords: (records: readonly Uint8Array[]) => Promise<void>;
  framed = 0;

  constructor(encoding: EncodeOptions, sendRecords: (records: readonly Uint8Array[]) => Promise<void>) {
    this.#encoding = encoding;
    this.#sendRecords = sendRecords;
  }

  reach(): Promise<void> {
    return Promise.resolve();
  }

  async send(cluster: Cluster): Promise<number> {
    const records = encodeCluster(cluster, this.#encoding);
    const bytes = bytesOf(records);
    await this.#sendRecords(records);
    this.framed += bytes;
    return bytes;
  }

  /** The end of a round is answered, and frames are taken in order. */
  settle(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    // The link is another's.
  }
}

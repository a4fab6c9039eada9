/** Appends that wait for their turn, within bounds, and the batches that they are taken in. */
import type { SpanContext } from '@opentelemetry/api';
import type { AppendResult } from '@verbena/event-sourcing';
import type { Request } from './plan.ts';

export interface Waiting extends Request {
  /** Characters of payload. */
  readonly bytes: number;
  readonly cause: SpanContext | undefined;
  resolve(result: AppendResult): void;
  reject(error: unknown): void;
}

/** Appends that are tried together until they are written or given up. */
export interface Batch {
  readonly requests: readonly Waiting[];
  /** Set while nobody knows whether an attempt was committed: the head before it. */
  lostAfter: bigint | undefined;
  diskFull: boolean;
}

const maximumBatch = 4_096;
const maximumEventsInBatch = 10_000;
const maximumBytesInBatch = 8 << 20;
const maximumWaiting = 20_000;
const maximumBytesWaiting = 256 << 20;

export class AppendQueue {
  #waiting: Waiting[] = [];
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** Whether another append of so many bytes may wait. */
  hasRoomFor(bytes: number): boolean {
    return this.#waiting.length < maximumWaiting && this.#bytes + bytes <= maximumBytesWaiting;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
  }

  /** The oldest, as many as go together. */
  take(): Batch {
    let [events, bytes, count] = [0, 0, 0];
    for (const waiting of this.#waiting) {
      events += waiting.events.length;
      bytes += waiting.bytes;
      if (count > 0 && (count === maximumBatch || events > maximumEventsInBatch || bytes > maximumBytesInBatch)) break;
      count++;
    }
    const requests = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const request of requests) this.#bytes -= request.bytes;
    return { requests, lostAfter: undefined, diskFull: false };
  }
}

/** The segments of a host (R43): one for each job, shared by its VMs here and by nobody else. Grants and counters lie in it, no payload. */

/** As in the channel firmware. */
const recordBytes = 32_768;
const pages = (256 * recordBytes) / 65_536;
const counters = { messages: 64, bytes: 72, end: 80 } as const;

export interface Segment {
  readonly memory: WebAssembly.Memory;
  /** What the domain in this slot has sent. */
  sent(): { readonly messages: number; readonly bytes: number };
  /** The domain has left: nothing it granted is open any more. */
  leave(): void;
}

export class Segments {
  readonly #byJob = new Map<number, { readonly memory: WebAssembly.Memory; users: number }>();

  /** @param pkey of the job's partition: jobs that run at a time have different ones */
  enter(pkey: number, slot: number): Segment {
    const shared = this.#byJob.get(pkey) ?? { memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }), users: 0 };
    shared.users++;
    this.#byJob.set(pkey, shared);
    const { memory } = shared;
    const record = (): DataView => new DataView(memory.buffer, slot * recordBytes, recordBytes);
    new Uint8Array(memory.buffer, slot * recordBytes, recordBytes).fill(0);
    let left = false;
    return {
      memory,
      sent: () => ({
        messages: Number(record().getBigUint64(counters.messages, true)),
        bytes: Number(record().getBigUint64(counters.bytes, true)),
      }),
      leave: () => {
        if (left) return;
        left = true;
        new Uint8Array(memory.buffer, slot * recordBytes, counters.messages).fill(0);
        new Uint8Array(memory.buffer, slot * recordBytes + counters.end, recordBytes - counters.end).fill(0);
        if (--shared.users === 0) this.#byJob.delete(pkey);
      },
    };
  }
}

/**
 * A VM on its way from this node: its memory in rounds while it runs, then all that is left of it while it stands. Until it is discarded it can go on
 * here as if nothing had been.
 */
import type { RunningProgram, SuspendedProgram } from '@verbena/hypervisor';
import { DirtyPages, nextStep, pageBytes, TokenBucket, type ConvergencePolicy, type RoundDone } from '@verbena/live-migration';
import type { Clock } from '@verbena/service-kit';
import { largestPayload, numberOf, withNumber, type Frame } from './frames.ts';
import { encodeEntry, encodeMoving, type MovingState } from './moving-state.ts';
import type { NodePort } from '../node-port.ts';
import { Refusal } from '../errors.ts';
import { AdapterPath } from './adapter-path.ts';
import { FramePath, type PagePath } from './page-path.ts';
import { connectDoor, type FrameLink } from './transport.ts';

/** Looked at without a pause for others, in bytes. */
const sliceBytes = 16 * 1024 * 1024;

/** How memory travels, see TransferPlan. */
export interface Transfer {
  readonly transport: 'tcp' | 'rdma';
  readonly clusterBytes: number;
  readonly compression: number;
}

export interface Copied {
  readonly pages: number;
  /** That crossed the link: a page of zeroes is a few, a difference less than a page. */
  readonly bytes: number;
  readonly ms: number;
  /** Pages that were written meanwhile. */
  readonly left: number;
}

export interface OutgoingOptions {
  readonly vmId: string;
  /** Of the VM, in bytes. */
  readonly memoryBytes: number;
  readonly program: RunningProgram;
  readonly transfer: Transfer;
  readonly port: NodePort;
  readonly endpoint: string;
  readonly secret: Uint8Array;
  readonly clock: Clock;
  /** The node-agent's own part, when all output of the rank is in storage. */
  readonly own: () => Promise<Omit<MovingState, 'program'>>;
}

export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #path: PagePath;
  readonly #dirty: DirtyPages;
  #link: Promise<FrameLink> | undefined;
  #suspended: SuspendedProgram | undefined;
  #sent: Promise<Copied> | undefined;

  constructor(options: OutgoingOptions) {
    this.#options = options;
    const { transfer, vmId, memoryBytes, port } = options;
    const { transport, clusterBytes, compression } = transfer;
    // Pages that changed a little travel as their difference.
    this.#path =
      transport === 'rdma'
        ? new AdapterPath({ vmId, memoryBytes, port, ask: (frame) => this.#ask(frame) })
        : new FramePath({ delta: true, compression }, async (records) => (await this.#opened()).sendParts('pages', records));
    this.#dirty = new DirtyPages(clusterBytes, this.#path.keep);
  }

  get suspended(): SuspendedProgram | undefined {
    return this.#suspended;
  }

  /**
   * Rounds of pre-copy, each as it ends, until the rest is small enough, or the policy says otherwise. A program that is throttled has all of its time
   * again at the end. `limit`: bytes a second, 0 for none.
   * @throws {Refusal} not-movable, when the policy gives up
   */
  async *rounds(limit: number, policy: ConvergencePolicy, signal: AbortSignal): AsyncGenerator<Copied> {
    const { program } = this.#options;
    const done: RoundDone[] = [];
    let share = 1;
    try {
      for (;;) {
        const sent = await this.#round(limit, signal);
        const left = this.#dirty.count(program.memory());
        done.push({ bytes: sent.bytes, ms: sent.ms, leftBytes: left * pageBytes });
        yield { ...sent, left };
        const next = nextStep(done, share, policy);
        if (next.action === 'suspend') return;
        if (next.action === 'give-up') throw new Refusal('not-movable', next.why);
        if (next.action === 'throttle') program.throttle((share = next.share));
      }
    } finally {
      program.throttle(1);
    }
  }

  /** Suspends the program and sends all that the target lacks; again gives the same. What fails leaves the program as it was. */
  suspend(signal: AbortSignal): Promise<Copied> {
    this.#sent ??= this.#suspend(signal).catch(async (error: unknown) => {
      this.#sent = undefined;
      await this.resume();
      throw error;
    });
    return this.#sent;
  }

  /** The program stands at its safepoint here again, when it was suspended. */
  async resume(): Promise<void> {
    const suspended = this.#suspended;
    this.#suspended = undefined;
    await suspended?.resume();
  }

  async close(): Promise<void> {
    this.#path.close();
    (await this.#link?.catch(() => undefined))?.close();
  }

  async #suspend(signal: AbortSignal): Promise<Copied> {
    const { clock, program, own } = this.#options;
    const start = clock.monotonic();
    this.#suspended = await program.suspend();
    const { memory, state } = this.#suspended;
    const sent = await this.#send(memory, 0, signal);
    await this.#frame({ kind: 'state', payload: encodeMoving({ program: state, ...(await own()) }) });
    for await (const file of this.#suspended.files()) {
      await this.#frame({ kind: 'file', payload: encodeEntry(file) });
      if (file.kind === 'file') for await (const payload of file.content()) await this.#frame({ kind: 'data', payload });
    }
    await this.#asked({ kind: 'end', payload: withNumber(this.#path.framed) });
    return { ...sent, ms: clock.monotonic() - start, left: 0 };
  }

  async #round(limit: number, signal: AbortSignal): Promise<Omit<Copied, 'left'>> {
    const start = this.#options.clock.monotonic();
    const sent = await this.#send(this.#options.program.memory(), limit, signal);
    await this.#asked({ kind: 'round', payload: new Uint8Array(0) });
    return { ...sent, ms: this.#options.clock.monotonic() - start };
  }

  async #send(memory: Uint8Array<SharedArrayBuffer>, limit: number, signal: AbortSignal): Promise<{ pages: number; bytes: number }> {
    const { clock } = this.#options;
    await this.#path.reach(memory.length);
    const bucket = new TokenBucket(limit, Math.max(64 * 1024, limit / 20), clock.monotonic());
    let [pages, bytes] = [0, 0];
    for (let first = 0; first < memory.length; first += sliceBytes) {
      const end = Math.min(first + sliceBytes, memory.length);
      for (const cluster of this.#dirty.scan(memory, first, end)) {
        signal.throwIfAborted();
        const crossed = await this.#path.send(cluster);
        pages += cluster.content.length / pageBytes;
        bytes += crossed;
        const early = bucket.take(crossed, clock.monotonic());
        if (early > 1) await clock.sleep(early, signal);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#path.settle();
    return { pages, bytes };
  }

  async #asked(frame: Frame): Promise<void> {
    const { payload } = await this.#ask(frame);
    const { framed } = this.#path;
    if (numberOf(payload) !== framed) throw new Error(`the target has ${String(numberOf(payload))} of ${String(framed)} bytes`);
  }

  async #ask(frame: Frame): Promise<Frame> {
    await this.#frame(frame);
    return (await this.#opened()).answer();
  }

  async #frame(frame: Frame): Promise<void> {
    if (frame.payload.length > largestPayload) throw new Error(`a frame of ${String(frame.payload.length)} bytes is too long to be sent`);
    await (await this.#opened()).send(frame);
  }

  #opened(): Promise<FrameLink> {
    return (this.#link ??= connectDoor(this.#options.endpoint, this.#options.secret));
  }
}

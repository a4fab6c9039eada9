/**
 * The stream of one VM, `vm-<id>`: this node-agent is its only writer, under the epoch of its registration, or that of the hand-over for a VM that
 * came by a migration. Appends go one after another, each with the version that the stream must have; one that does not get through is repeated with
 * the same command id.
 */
import { eventv1 } from '@verbena/contracts';
import { vmDecider, type VmCommand, type VmEvent, type VmState } from '@verbena/domain-vm';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import { persistently } from '../retry.ts';

export interface VmLogOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Who writes: the node's id. */
  readonly actor: string;
  readonly epoch: () => bigint;
}

const callMs = 5_000;
/** Storage may be away for long: a VM whose story cannot be written waits, and so does whoever asked for it. */
const withinMs = 24 * 3_600_000;
const readWithinMs = 30_000;

export class VmLog {
  readonly #stream: string;
  readonly #tenant: string;
  readonly #options: VmLogOptions;
  #version = 0;
  #state: VmState = vmDecider.initial;
  #tail: Promise<unknown> = Promise.resolve();
  /** Of a VM that came by a migration: the epoch of its hand-over, and whether what the log said of it before is known here. */
  #moved: { readonly fence: bigint; read: boolean } | undefined;

  constructor(vmId: string, tenant: string, options: VmLogOptions) {
    this.#stream = vmId;
    this.#tenant = tenant;
    this.#options = options;
  }

  /**
   * Writes down what a command makes of the VM, after all that came before; `jobId` is the correlation.
   * @throws when the command does not apply, or the append is refused: somebody else owns the stream now
   */
  record(jobId: string, command: VmCommand): Promise<void> {
    const done = this.#tail.then(() => this.#record(jobId, command));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** The VM comes from another node: it is written under the epoch of its hand-over, and what was written before is read first. */
  continueUnder(fence: bigint): void {
    this.#moved = { fence, read: false };
  }

  /** What the log says of the VM, after all that is being written now. */
  known(): Promise<VmState> {
    const read = this.#tail.then(() => this.read());
    this.#tail = read.catch(() => undefined);
    return read;
  }

  /** What the log says of the VM now. */
  async read(): Promise<VmState> {
    const { bus, clock, signal } = this.#options;
    const client = bus.client(eventv1.EventService);
    let state: VmState = vmDecider.initial;
    let version = 0;
    for (let afterPosition = 0n; ;) {
      const request = { filter: { stream: this.#stream }, afterPosition, pageSize: 1_000 };
      const call = () => client.listEvents(request, { timeoutMs: callMs });
      const { events, nextAfterPosition } = await persistently({ clock, signal, withinMs: readWithinMs }, call);
      for (const { type, data, version: at } of events) {
        state = vmDecider.evolve(state, { type, data: JSON.parse(new TextDecoder().decode(data)) as unknown } as VmEvent);
        version = at;
      }
      if (nextAfterPosition === 0n) break;
      afterPosition = nextAfterPosition;
    }
    this.#state = state;
    this.#version = version;
    return state;
  }

  async #record(jobId: string, command: VmCommand): Promise<void> {
    if (this.#moved?.read === false) {
      const state = await this.read();
      const { actor: me } = this.#options;
      if (state.status === 'none' || state.nodeId !== me) throw new Error(`${this.#stream} is not a VM of ${me}`);
      this.#moved.read = true;
    }
    const decision = vmDecider.decide(command, this.#state);
    if (!decision.ok) throw new Error(`${this.#stream}: ${decision.detail}`);
    if (decision.events.length === 0) return;
    const { bus, clock, signal, actor, epoch } = this.#options;
    const client = bus.client(eventv1.EventService);
    const request = {
      stream: this.#stream,
      expectedVersion: this.#version,
      events: decision.events.map(({ type, data }) => ({ type, data: new TextEncoder().encode(JSON.stringify(data)) })),
      commandId: `${this.#stream}/${String(this.#version)}${this.#moved === undefined ? '' : `/${String(this.#moved.fence)}`}`,
      actor,
      tenant: this.#tenant,
      correlationId: jobId,
      epoch: this.#moved?.fence ?? epoch(),
    };
    const { version } = await persistently({ clock, signal, withinMs }, () => client.appendEvents(request, { timeoutMs: callMs }));
    this.#version = version;
    this.#state = decision.events.reduce((state, event) => vmDecider.evolve(state, event), this.#state);
  }
}

/**
 * The stream of one VM, `vm-<id>`: this node-agent is its only writer, under the epoch of its registration. Appends go one after another,
 * each with the version that the stream must have; one that does not get through is repeated with the same command id.
 */
import { eventv1 } from '@verbena/contracts';
import { vmDecider, type VmCommand, type VmState } from '@verbena/domain-vm';
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

export class VmLog {
  readonly #stream: string;
  readonly #tenant: string;
  readonly #options: VmLogOptions;
  #version = 0;
  #state: VmState = vmDecider.initial;
  #tail: Promise<unknown> = Promise.resolve();

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

  async #record(jobId: string, command: VmCommand): Promise<void> {
    const decision = vmDecider.decide(command, this.#state);
    if (!decision.ok) throw new Error(`${this.#stream}: ${decision.detail}`);
    if (decision.events.length === 0) return;
    const { bus, clock, signal, actor, epoch } = this.#options;
    const client = bus.client(eventv1.EventService);
    const request = {
      stream: this.#stream,
      expectedVersion: this.#version,
      events: decision.events.map(({ type, data }) => ({ type, data: new TextEncoder().encode(JSON.stringify(data)) })),
      commandId: `${this.#stream}/${String(this.#version)}`,
      actor,
      tenant: this.#tenant,
      correlationId: jobId,
      epoch: epoch(),
    };
    const { version } = await persistently({ clock, signal, withinMs }, () => client.appendEvents(request, { timeoutMs: callMs }));
    this.#version = version;
    this.#state = decision.events.reduce((state, event) => vmDecider.evolve(state, event), this.#state);
  }
}

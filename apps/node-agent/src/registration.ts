/**
 * The node in the scheduler's map: registers, beats, and registers again when the scheduler does not know it any more.
 *
 *   away --RegisterNode--> registered --NOT_FOUND, FAILED_PRECONDITION, ABORTED--> fenced --all VMs stopped--> away
 *                              |  ^ Heartbeat
 *                              +--+ UNAVAILABLE: keeps its epoch and beats on
 *
 * A scheduler that is away, or was restarted, changes nothing for the jobs that run here: the log has the node's epoch. A node whose epoch is not
 * the log's was given up: its jobs run elsewhere or have failed, so it stops what it runs before it takes a new epoch.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { nodev1 } from '@verbena/contracts';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import type { Logger } from 'pino';
import { messageOf } from './errors.ts';

export type NodeDescription = MessageInitShape<typeof nodev1.NodeSchema>;

export interface RegistrationOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The node as it is now. */
  readonly describe: () => NodeDescription & { readonly id: string };
  /** The scheduler has given the node's port its LID; throws when that cannot be. */
  readonly onLid: (lid: number) => void;
  /** Whether the port of the subnet is to carry anything. */
  readonly onPort: (enabled: boolean) => void;
  /** The node was given up: stops all that it runs. */
  readonly onFenced: (reason: string) => Promise<void>;
}

const callMs = 5_000;
const defaultBeatMs = 2_000;
const firstDelayMs = 20;
const longestDelayMs = 2_000;
const unknown: ReadonlySet<Code> = new Set([Code.NotFound, Code.FailedPrecondition, Code.Aborted]);

export class Registration {
  readonly #options: RegistrationOptions;
  #epoch: bigint | undefined;
  #registered = false;
  #problem = 'not registered with the scheduler yet';
  /** Resolves when the signal has ended it. */
  done: Promise<void> = Promise.resolve();

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  start(): void {
    this.done = this.#run().catch(() => undefined);
  }

  /** The epoch under which this node writes: that of its last registration, 0 before the first. */
  get epoch(): bigint {
    return this.#epoch ?? 0n;
  }

  /** Whether the node has a place in the scheduler's map: not before it has registered, nor from when it was given up until it has again. */
  get registered(): boolean {
    return this.#registered;
  }

  /** Why the scheduler does not see this node; undefined when it does. */
  get problem(): string | undefined {
    return this.#problem === '' ? undefined : this.#problem;
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      const beatMs = await this.#register();
      while (!signal.aborted) {
        await clock.sleep(beatMs, signal);
        if (!(await this.#beat())) break;
      }
      this.#registered = false;
      if (!signal.aborted) await this.#options.onFenced('the scheduler had given this node up');
    }
  }

  async #register(): Promise<number> {
    const { bus, clock, log, signal, describe, onLid } = this.#options;
    const client = bus.client(nodev1.NodeService);
    for (let delay = firstDelayMs; ; delay = Math.min(delay * 2, longestDelayMs)) {
      try {
        const { epoch, heartbeatInterval, lid, portDisabled } = await client.registerNode(
          { node: describe() },
          { timeoutMs: callMs, signal },
        );
        if (lid !== 0) onLid(lid);
        this.#options.onPort(!portDisabled);
        this.#epoch = epoch;
        this.#registered = true;
        this.#problem = '';
        const ms = heartbeatInterval === undefined ? 0 : Number(heartbeatInterval.seconds) * 1000 + heartbeatInterval.nanos / 1e6;
        return ms > 0 ? ms : defaultBeatMs;
      } catch (error) {
        signal.throwIfAborted();
        this.#problem = `the scheduler does not take the registration: ${messageOf(error)}`;
        if (delay >= longestDelayMs) log.warn({ error: messageOf(error) }, 'registration failed, and is repeated');
        await clock.sleep(delay, signal);
      }
    }
  }

  /** False when the node must register anew. */
  async #beat(): Promise<boolean> {
    const { bus, log, signal, describe } = this.#options;
    const { id, memoryUsedBytes, agentMemoryBytes, cachedImages } = describe();
    const request = {
      nodeId: id,
      epoch: this.epoch,
      memoryUsedBytes: memoryUsedBytes ?? 0n,
      agentMemoryBytes: agentMemoryBytes ?? 0n,
      cachedImages: [...(cachedImages ?? [])],
    };
    try {
      await bus.client(nodev1.NodeService).heartbeat(request, { timeoutMs: callMs, signal });
      this.#problem = '';
      return true;
    } catch (error) {
      this.#problem = `the scheduler does not take heartbeats: ${messageOf(error)}`;
      if (!unknown.has(ConnectError.from(error).code)) return true;
      log.warn({ error: messageOf(error) }, 'the scheduler has given this node up: it stops what it runs and registers again');
      return false;
    }
  }
}

/** The map of VMs to nodes (R21), folded from the streams that the node-agents write. */
import { evolveVm, isLive, noVm, type LiveVm, type VmEvent, type VmState } from '@verbena/domain-vm';
import {
  entityOf,
  runProjection,
  type EventStore,
  type KeptEntities,
  type ProjectionRunner,
  type RecordedEvent,
} from '@verbena/event-sourcing';
import { vms } from '@verbena/history';

export interface VmRecord {
  readonly id: string;
  state: VmState;
  version: number;
  epoch: number;
  bootedAt: number | undefined;
  /** Since when it is in its present state, milliseconds since 1970. */
  since: number;
}

export class VmMap {
  readonly #store: EventStore;
  readonly #runner: ProjectionRunner<Map<string, VmRecord>>;

  private constructor(store: EventStore, runner: ProjectionRunner<Map<string, VmRecord>>) {
    this.#store = store;
    this.#runner = runner;
  }

  static async open(store: EventStore): Promise<VmMap> {
    const kept = await store.kept(vms);
    const from = { state: new Map(kept?.rows.map((row) => [row.id, recordOf(row)])), position: kept?.position ?? 0n };
    const initial = new Map<string, VmRecord>();
    return new VmMap(store, await runProjection(store, { name: 'vm-map', initial, filter: { stream: 'vm-*' }, evolve }, { from }));
  }

  get(id: string): VmRecord | undefined {
    return this.#runner.state.get(id);
  }

  all(): readonly VmRecord[] {
    return [...this.#runner.state.values()];
  }

  live(): readonly (VmRecord & { state: LiveVm })[] {
    return this.all().filter((vm): vm is VmRecord & { state: LiveVm } => isLive(vm.state));
  }

  /** Called with what has been added. */
  onChange(listener: (batch: readonly RecordedEvent[]) => void): () => void {
    return this.#runner.onChange((_vms, batch) => listener(batch));
  }

  /** Up to here the log is in the map. */
  get position(): bigint {
    return this.#runner.position;
  }

  /** By how many positions the map is behind the log. */
  async lag(): Promise<bigint> {
    const head = await this.#store.head();
    return head > this.position ? head - this.position : 0n;
  }

  /** Resolves when the map shows everything that is in the log now. */
  async caughtUp(signal?: AbortSignal): Promise<void> {
    await this.#runner.reached(await this.#store.head(), signal);
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }
}

function recordOf(row: KeptEntities['rows'][number]): VmRecord {
  const { epoch = 0, bootedAt, ...state } = entityOf(vms, row).state;
  return { id: row.id, state, version: row.version, epoch, bootedAt, since: row.changedAt };
}

function evolve(all: Map<string, VmRecord>, { stream, event, version, metadata, time }: RecordedEvent): Map<string, VmRecord> {
  const record: VmRecord = all.get(stream) ?? { id: stream, state: noVm, version: 0, epoch: 0, bootedAt: undefined, since: 0 };
  record.state = evolveVm(record.state, event as VmEvent);
  record.version = version;
  record.epoch = Math.max(record.epoch, metadata.epoch ?? 0);
  record.since = time.getTime();
  if (event.type === 'VmBooted') record.bootedAt = record.since;
  return all.set(stream, record);
}

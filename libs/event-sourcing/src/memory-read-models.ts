/** Read models in memory, beside the store in memory. */
import { foldEntity, rowOf, type Entity, type EntityModel, type EntityRow } from './entity.ts';
import type { EventStore, RecordedEvent } from './event-store.ts';
import { runProjection, type ProjectionRunner } from './projection.ts';
import type { EntityPage, EntityQuery, ModelStatus, ReadModels, ReplayOptions, ReplayOutcome } from './read-model.ts';

type Entities = Map<string, Entity<unknown>>;
type State = Map<EntityModel, Entities>;

export async function createMemoryReadModels(store: EventStore, models: readonly EntityModel[]): Promise<ReadModels> {
  const runner = await runProjection<State>(store, {
    name: 'read-models',
    initial: emptyState(models),
    evolve: (state, event) => fold(state, event),
  });
  return new MemoryReadModels(store, models, runner);
}

class MemoryReadModels implements ReadModels {
  readonly #store: EventStore;
  readonly #models: readonly EntityModel[];
  readonly #runner: ProjectionRunner<State>;

  constructor(store: EventStore, models: readonly EntityModel[], runner: ProjectionRunner<State>) {
    this.#store = store;
    this.#models = models;
    this.#runner = runner;
  }

  async list(name: string, query: EntityQuery): Promise<EntityPage> {
    const found = this.#rows(name)
      .filter((row) => passes(query, row))
      .sort((a, b) => (a.createdPosition < b.createdPosition ? 1 : -1));
    const rows = found.slice(0, query.limit);
    return { rows, next: found.length > rows.length ? rows.at(-1)?.createdPosition : undefined };
  }

  async find(name: string, id: string): Promise<EntityRow | undefined> {
    const model = this.#model(name);
    const entity = this.#runner.state.get(model)?.get(id);
    return entity && rowOf(model, id, entity);
  }

  async status(): Promise<readonly ModelStatus[]> {
    const { position, state } = this.#runner;
    return this.#models.map((model) => ({ name: model.name, position, rows: BigInt(state.get(model)?.size ?? 0), problem: undefined }));
  }

  reached(position: bigint, signal?: AbortSignal): Promise<void> {
    return this.#runner.reached(position, signal);
  }

  async replay(name: string, { check = false, onProgress, signal }: ReplayOptions = {}): Promise<ReplayOutcome> {
    const model = this.#model(name);
    const rebuilt = emptyState([model]);
    const events = await this.#store.readAll({ filter: { stream: `${model.prefix}*` } });
    signal?.throwIfAborted();
    // From here on nothing waits, so that both stand at the same position.
    const { position, state } = this.#runner;
    const seen = events.filter((recorded) => recorded.position <= position);
    for (const recorded of seen) fold(rebuilt, recorded);
    onProgress?.({ phase: 'comparing', position, target: position });
    const entities: Entities = rebuilt.get(model) ?? new Map<string, Entity<unknown>>();
    const liveHash = fingerprint(this.#rows(name));
    const rebuiltHash = fingerprint(rowsOf(model, entities));
    if (!check) state.set(model, entities);
    return { name, position, events: BigInt(seen.length), rows: BigInt(entities.size), liveHash, rebuiltHash, swapped: !check };
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }

  #rows(name: string): readonly EntityRow[] {
    const model = this.#model(name);
    return rowsOf(model, this.#runner.state.get(model) ?? new Map<string, Entity<unknown>>());
  }

  #model(name: string): EntityModel {
    const model = this.#models.find((candidate) => candidate.name === name);
    if (model === undefined)
      throw unknownModel(
        name,
        this.#models.map((known) => known.name),
      );
    return model;
  }
}

export function unknownModel(name: string, known: readonly string[]): RangeError {
  return new RangeError(`there is no read model ${JSON.stringify(name)}; there are ${known.join(', ')}`);
}

function emptyState(models: readonly EntityModel[]): State {
  return new Map(models.map((model) => [model, new Map<string, Entity<unknown>>()]));
}

function fold(state: State, recorded: RecordedEvent): State {
  for (const [model, entities] of state) {
    if (recorded.stream.startsWith(model.prefix)) {
      entities.set(recorded.stream, foldEntity(model, entities.get(recorded.stream), recorded));
    }
  }
  return state;
}

function rowsOf(model: EntityModel, entities: Entities): readonly EntityRow[] {
  return [...entities].map(([id, entity]) => rowOf(model, id, entity));
}

function passes({ status, tenant, jobId, nodeId, ended, before }: EntityQuery, row: EntityRow): boolean {
  return (
    (status === undefined || row.status === status) &&
    (tenant === undefined || row.tenant === tenant) &&
    (jobId === undefined || row.jobId === jobId) &&
    (nodeId === undefined || row.nodeId === nodeId) &&
    (ended === undefined || row.ended === ended) &&
    (before === undefined || row.createdPosition < before)
  );
}

/** FNV-1a in two halves over the rows in order of their ids: enough to tell models apart, where nobody tries to forge one. */
function fingerprint(rows: readonly EntityRow[]): string {
  let [high, low] = [0x811c9dc5, 0x9747b28c];
  const lines = rows.map((row) => Object.values(row).map(String).join('\t')).sort();
  for (const line of lines) {
    for (let index = 0; index < line.length; index++) {
      high = Math.imul(high ^ line.charCodeAt(index), 0x01000193);
      low = Math.imul(low ^ line.charCodeAt(index) ^ (high >>> 24), 0x01000193);
    }
  }
  return `fnv1a:${[high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')}`;
}

/** What the log has come to, now and at any moment before: read models, the past, and replay. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { eventv1 } from '@verbena/contracts';
import type { EntityRow, EventStore, ReadModels, ReplayOutcome, ReplayStep } from '@verbena/event-sourcing';
import { clusterAt, entityAt, modelOf, nodes } from '@verbena/history';
import { callContext, seesEverything, seesTenant } from '@verbena/messaging';
import { edge, StorageError, streamEdge } from '../errors.ts';

type Methods = Pick<ServiceImpl<typeof eventv1.EventService>, 'listEntities' | 'getStateAt' | 'listReadModels' | 'replayReadModel'>;

const defaultPage = 100;
const maximumPage = 1_000;
const maximumEntities = 10_000;
/** Folding the whole log takes a core for a while. */
const foldsAtOnce = 2;

export function historyMethods(store: EventStore, history: ReadModels): Methods {
  let folding = 0;
  return {
    listEntities: edge(async ({ model, status, jobId, nodeId, liveOnly, pageSize, pageToken }: eventv1.ListEntitiesRequest) => {
      const name = model || 'jobs';
      const query = {
        ...(status && { status }),
        ...(jobId && { jobId }),
        ...(nodeId && { nodeId }),
        ...(liveOnly && { ended: false }),
        ...(pageToken && { before: position(pageToken) }),
        ...onlyTenant(name),
        limit: Math.min(pageSize || defaultPage, maximumPage),
      };
      const { rows, next } = await history.list(name, query).catch(unknownModel);
      return { entities: rows.map(entityOnWire), nextPageToken: next === undefined ? '' : String(next) };
    }),
    getStateAt: edge(async (request: eventv1.GetStateAtRequest, { signal }: { readonly signal: AbortSignal }) => {
      const at = await positionOf(store, request);
      if (request.id !== '') return oneAt(store, request.id, at);
      if (folding >= foldsAtOnce) throw new StorageError('busy', `${folding} others look at the past just now: try again in a moment`);
      folding++;
      try {
        const moment = await clusterAt(store, at, signal);
        const rows = moment.rows().filter((row) => mayKnow(row) && !(request.liveOnly && row.ended));
        const { shown, omitted } = bounded(rows);
        return { position: at, ...timeOf(moment.last?.time), entities: shown.map(entityOnWire), omitted: BigInt(omitted) };
      } finally {
        folding--;
      }
    }),
    listReadModels: edge(async () => {
      const [head, models] = [await store.head(), await history.status()];
      return { head, models: models.map((model) => ({ ...model, problem: model.problem ?? '' })) };
    }),
    replayReadModel: streamEdge((request: eventv1.ReplayReadModelRequest, { signal }: { readonly signal: AbortSignal }) =>
      replaying(history, request, signal),
    ),
  };
}

/** The newest step for a slow reader, then the outcome. */
async function* replaying(
  history: ReadModels,
  { name, checkOnly }: eventv1.ReplayReadModelRequest,
  signal: AbortSignal,
): AsyncGenerator<MessageInitShape<typeof eventv1.ReplayReadModelResponseSchema>> {
  let step: ReplayStep | undefined;
  let wake = Promise.withResolvers<void>();
  const onProgress = (next: ReplayStep): void => {
    step = next;
    wake.resolve();
  };
  const stop = new AbortController();
  const outcome = history
    .replay(name, { check: checkOnly, onProgress, signal: AbortSignal.any([signal, stop.signal]) })
    .catch(unknownModel);
  const over = outcome.then(
    () => true,
    () => true,
  );
  try {
    while ((await Promise.race([over, wake.promise])) !== true) {
      wake = Promise.withResolvers();
      if (step !== undefined) yield { step: { case: 'progress', value: step } };
    }
    yield { step: { case: 'outcome', value: outcomeOnWire(await outcome) } };
  } finally {
    // Whoever leaves before the end wants no replay.
    stop.abort(new StorageError('busy', 'the replay was given up'));
  }
}

const outcomeOnWire = (outcome: ReplayOutcome): MessageInitShape<typeof eventv1.ReplayOutcomeSchema> => ({ ...outcome });

async function oneAt(store: EventStore, id: string, at: bigint): Promise<MessageInitShape<typeof eventv1.GetStateAtResponseSchema>> {
  const moment = modelOf(id) === undefined ? undefined : await entityAt(store, id, at);
  const [row] = moment?.rows() ?? [];
  if (moment === undefined || row === undefined || !mayKnow(row)) {
    throw new StorageError('not-found', `there was no ${JSON.stringify(id.slice(0, 80))} at position ${at}`);
  }
  return { position: row.position, ...timeOf(moment.last?.time), entities: [entityOnWire(row)] };
}

/** @throws {StorageError} invalid, for a position that the log has not reached */
async function positionOf(store: EventStore, { moment }: eventv1.GetStateAtRequest): Promise<bigint> {
  if (moment.case === 'time') {
    // Events happen at whole milliseconds, and the bound of a filter is exclusive.
    const until = new Date(timestampDate(moment.value).getTime() + 1);
    const [last] = await store.readAll({ filter: { until }, descending: true, limit: 1 });
    return last?.position ?? 0n;
  }
  const head = await store.head();
  if (moment.case === undefined) return head;
  if (moment.value > head) throw new StorageError('invalid', `the log goes to position ${head}; ${moment.value} has not come yet`);
  return moment.value;
}

/** Nodes are the cluster's; everything else is its tenant's alone. */
function mayKnow({ id, tenant }: EntityRow): boolean {
  return modelOf(id) === nodes || seesTenant(callContext(), tenant);
}

function onlyTenant(model: string): { readonly tenant?: string } {
  const caller = callContext();
  return model === nodes.name || seesEverything(caller) ? {} : { tenant: caller.tenant };
}

/** What goes on is kept rather than what has ended, and the new rather than the old. */
function bounded(rows: readonly EntityRow[]): { readonly shown: readonly EntityRow[]; readonly omitted: number } {
  let omitted = Math.max(0, rows.length - maximumEntities);
  const left = omitted;
  const shown = rows.filter((row) => !(row.ended && omitted > 0 && omitted--)).slice(-maximumEntities);
  return { shown, omitted: Math.max(left, rows.length - shown.length) };
}

function timeOf(time: Date | undefined): { readonly time?: ReturnType<typeof timestampFromDate> } {
  return time === undefined ? {} : { time: timestampFromDate(time) };
}

function entityOnWire(row: EntityRow): MessageInitShape<typeof eventv1.EntitySchema> {
  const { createdAt, changedAt, state, ...known } = row;
  return {
    ...known,
    kind: modelOf(row.id)?.name.replace(/s$/, '') ?? '',
    created: timestampFromMs(createdAt),
    changed: timestampFromMs(changedAt),
    state: new TextEncoder().encode(state),
  };
}

function position(token: string): bigint {
  if (!/^\d{1,18}$/.test(token)) throw new StorageError('invalid', 'the page token is of no page: start again without one');
  return BigInt(token);
}

function unknownModel(error: unknown): never {
  throw error instanceof RangeError ? new StorageError('not-found', error.message, { cause: error }) : error;
}

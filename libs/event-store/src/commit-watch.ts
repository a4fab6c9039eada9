/** What is told of appends and commits: a span for each commit, linked with the appends that it was made of, and their metrics. */
import { context as otel, isSpanContextValid, ROOT_CONTEXT, SpanKind, trace, type SpanContext, type Tracer } from '@opentelemetry/api';
import type { AppendOptions, AppendResult, EventStore, StreamAppend } from '@verbena/event-sourcing';
import { failSpan, inSpan, metric, startSpan, type Metrics } from '@verbena/service-kit';

export interface CommitFacts {
  /** Appends in the batch. */
  readonly appends: number;
  readonly events: number;
  readonly links: readonly SpanContext[];
}

/** Told when a commit begins; what it gives back is called when it is over. */
export type CommitWatch = (facts: CommitFacts) => (error?: unknown) => void;

/** More links than this are not worth their bytes. */
const mostLinks = 128;

/** The trace that the code which appends belongs to. */
export function causeOf(): SpanContext | undefined {
  const span = trace.getSpanContext(otel.active());
  return span !== undefined && isSpanContextValid(span) ? span : undefined;
}

export function commitWatch({ tracer, metrics }: { readonly tracer: Tracer; readonly metrics: Metrics }): CommitWatch {
  return ({ appends, events, links }) => {
    const began = performance.now();
    const attributes = {
      'db.system.name': 'postgresql',
      'db.operation.name': 'COPY',
      'db.operation.batch.size': appends,
      'verbena.events': events,
    };
    const linked = links.slice(0, mostLinks).map((context) => ({ context }));
    // A commit belongs to several traces at once, and so to none of them: it is a trace of its own. What nobody traces has none.
    const span =
      linked.length === 0
        ? undefined
        : otel.with(ROOT_CONTEXT, () => startSpan(tracer, 'commit events', attributes, { kind: SpanKind.CLIENT, links: linked }));
    return (error) => {
      metrics.record(metric.eventCommitSeconds, {}, (performance.now() - began) / 1000);
      metrics.record(metric.eventBatch, {}, appends);
      metrics.count(metric.eventAppends, { outcome: error === undefined ? 'committed' : 'failed' }, appends);
      if (error === undefined) metrics.count(metric.eventsAppended, {}, events);
      else if (span) failSpan(span, error);
      span?.end();
    };
  };
}

/** What a pool of connections tells; `pg.Pool` is one. */
export interface PoolFacts {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** For `EventStoreOptions.onPool`. */
export function poolMetrics(metrics: Metrics): (pool: PoolFacts) => void {
  return (pool) => {
    metrics.observe(metric.postgresConnections, () => [
      [{ state: 'idle' }, pool.idleCount],
      [{ state: 'busy' }, pool.totalCount - pool.idleCount],
    ]);
    metrics.observe(metric.postgresWaiting, () => [[{}, pool.waitingCount]]);
  };
}

/** A store the appends of which are spans of the service that makes them, where they belong to a trace. */
export function tracedStore<S extends EventStore>(store: S, tracer: Tracer): S {
  const append = (appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> => {
    if (causeOf() === undefined) return store.append(appends, options);
    const events = appends.reduce((sum, { events: added }) => sum + added.length, 0);
    const attributes = {
      'db.system.name': 'postgresql',
      'db.operation.name': 'COPY',
      'verbena.stream': appends[0]?.stream ?? '',
      'verbena.events': events,
      ...(options.metadata.correlationId !== undefined && { 'verbena.job.id': options.metadata.correlationId }),
    };
    return inSpan(tracer, 'append events', attributes, () => store.append(appends, options), { kind: SpanKind.CLIENT });
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'append') return append;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/**
 * The metrics of a process, as OpenMetrics text. What is measured is declared in the catalogue; the label sets of a metric are bounded, so that a
 * caller who makes up names cannot fill our memory.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { metric, type MetricDeclaration } from './catalogue.ts';

export type LabelsOf<M> = M extends MetricDeclaration<infer L> ? Readonly<Record<L, string>> : never;
type OfKind<K extends MetricDeclaration['kind']> = MetricDeclaration & { readonly kind: K };
type Sample<M> = readonly [labels: LabelsOf<M>, value: number];

export interface Metrics {
  /** Adds to a counter. @throws RangeError when `by` is negative */
  count<M extends OfKind<'counter'>>(declared: M, labels: LabelsOf<M>, by?: number): void;
  set<M extends OfKind<'gauge'>>(declared: M, labels: LabelsOf<M>, value: number): void;
  /** Records one value of a distribution, in the metric's unit. */
  record<M extends OfKind<'histogram'>>(declared: M, labels: LabelsOf<M>, value: number): void;
  /**
   * Values that are read when somebody asks for them; several may observe the same metric with labels of their own. For a counter the value is
   * the total so far. A reader that throws gives nothing.
   * @returns a function that ends it
   */
  observe<M extends OfKind<'gauge'> | OfKind<'counter'>>(
    declared: M,
    read: () => Iterable<Sample<M>> | Promise<Iterable<Sample<M>>>,
  ): () => void;
  /** The text of all metrics, and its media type. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

type Labels = Readonly<Record<string, string>>;
type Instrument = Counter | Gauge | Histogram;
type Samples = Iterable<readonly [Labels, number]>;
type Reader = () => Samples | Promise<Samples>;

const defaultMostSets = 512;
const separator = '\u0000';

export function createMetrics(): Metrics {
  // The media type by name, since the registry's type knows only that of the older format.
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const instruments = new Map<string, Instrument>();
  const readers = new Map<string, Set<Reader>>();
  const sets = new Map<string, Set<string>>();

  const make = (declared: MetricDeclaration): Instrument => {
    const { name, help, kind, buckets } = declared;
    const options = {
      name: kind === 'counter' ? name.replace(/_total$/, '') : name,
      help,
      labelNames: [...declared.labels],
      registers: [registry],
    };
    if (kind === 'histogram') return new Histogram({ ...options, buckets: [...(buckets ?? [])] });
    const collect = async function (this: Counter | Gauge): Promise<void> {
      const those = readers.get(name);
      if (those === undefined || those.size === 0) return;
      const samples = (await Promise.all([...those].map(samplesOf))).flat();
      this.reset();
      for (const [labels, value] of samples) this.inc(bounded(declared, labels), value);
    };
    return kind === 'counter' ? new Counter({ ...options, collect }) : new Gauge({ ...options, collect });
  };
  const instrument = (declared: MetricDeclaration): Instrument => {
    const known = instruments.get(declared.name) ?? make(declared);
    instruments.set(declared.name, known);
    return known;
  };
  const bounded = (declared: MetricDeclaration, labels: Labels): Labels => {
    if (declared.labels.length === 0) return labels;
    const known = sets.get(declared.name) ?? new Set();
    sets.set(declared.name, known);
    const key = declared.labels.map((name) => labels[name]).join(separator);
    if (known.has(key)) return labels;
    if (known.size < (declared.mostSets ?? defaultMostSets)) {
      known.add(key);
      return labels;
    }
    (instrument(metric.labelSetsFolded) as Counter).inc({ metric: declared.name });
    return Object.fromEntries(declared.labels.map((name) => [name, 'other']));
  };

  return {
    count: (declared, labels, by = 1) => (instrument(declared) as Counter).inc(bounded(declared, labels), by),
    set: (declared, labels, value) => (instrument(declared) as Gauge).set(bounded(declared, labels), value),
    record: (declared, labels, value) => (instrument(declared) as Histogram).observe(bounded(declared, labels), value),
    observe(declared, read) {
      instrument(declared);
      const those = readers.get(declared.name) ?? new Set();
      readers.set(declared.name, those.add(read as Reader));
      return () => {
        those.delete(read as Reader);
        if (those.size === 0) instrument(declared).reset();
      };
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

async function samplesOf(read: Reader): Promise<readonly (readonly [Labels, number])[]> {
  try {
    return [...(await read())].filter(([, value]) => Number.isFinite(value) && value >= 0);
  } catch {
    return [];
  }
}

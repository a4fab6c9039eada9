/** A parser of OpenMetrics text (openmetrics.io, version 1.0, "Text format") as strict as a scraper: for tests. */

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricText {
  readonly samples: readonly MetricSample[];
  /** Type by the family's name. */
  readonly types: ReadonlyMap<string, string>;
  value(name: string, labels: Readonly<Record<string, string>>): number | undefined;
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum'],
};
const samplePattern = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const labelPattern = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/** @throws SyntaxError naming the first line that the format does not allow */
export function parseOpenMetrics(text: string): MetricText {
  if (!text.endsWith('# EOF\n')) throw new SyntaxError('the text does not end with "# EOF"');
  const types = new Map<string, string>();
  const samples: MetricSample[] = [];
  const seen = new Set<string>();
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n')) {
    if (line === '') continue;
    const described = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line);
    if (described) {
      const [, what, name = '', rest = ''] = described;
      if (what === 'TYPE' && types.has(name)) throw new SyntaxError(`the family ${name} appears twice`);
      if (what === 'TYPE') types.set(name, rest);
      continue;
    }
    const sample = sampleOf(line);
    const family = [...types].find(([name, type]) => (suffixes[type] ?? []).some((suffix) => `${name}${suffix}` === sample.name));
    if (!family) throw new SyntaxError(`no family of a fitting type has a sample ${sample.name}`);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw new SyntaxError(`the sample ${key} appears twice`);
    seen.add(key);
    samples.push(sample);
  }
  const same = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
    Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);
  return { samples, types, value: (name, labels) => samples.find((sample) => sample.name === name && same(sample.labels, labels))?.value };
}

function sampleOf(line: string): MetricSample {
  const [, name, labels, value] = samplePattern.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new SyntaxError(`not a sample: ${line}`);
  const number = value === '+Inf' ? Infinity : Number(value);
  if (Number.isNaN(number)) throw new SyntaxError(`not a number in: ${line}`);
  return { name, labels: labels === undefined ? {} : labelsOf(labels, line), value: number };
}

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  while (labelPattern.lastIndex < text.length) {
    const found = labelPattern.exec(text);
    if (!found) throw new SyntaxError(`bad labels in: ${line}`);
    const [, name = '', value = ''] = found;
    labels[name] = value.replace(/\\(["\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

/** The report: one HTML file with plots, tables and every raw number, that needs nothing else to be read. */
import { humanBytes } from '../terminal/units.ts';
import { barChart, bytesText, escape, lineChart, short } from './charts.ts';
import { figure, page, paper, table, type Cell } from './page.ts';
import { bestPoints, bestSeconds, splitOf, type Results } from './experiments.ts';
import { fig12, fig3, table1, table2, testbed, texts, type TimeSplit } from './papers.ts';

function sizes(results: Results, name: string, unit: string, experiment = 'micro'): string {
  const { paths } = results.plan;
  const lines = paths
    .map((path) => ({
      name: path,
      points: bestPoints(results, experiment, path, name).map(({ bytes, value }) => ({ x: bytes, y: value })),
    }))
    .filter(({ points }) => points.length > 0);
  const all = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const rows = all.map((bytes) => [bytesText(bytes), ...lines.map(({ points }) => points.find(({ x }) => x === bytes)?.y)]);
  return figure(lineChart(name, unit, lines), `${name} in ${unit}, by path`) + table(['size', ...lines.map((line) => line.name)], rows);
}

/** What one can say at a glance, with its figures. */
export function findings(results: Results): string[] {
  const at = (path: string, name: string, bytes: number, experiment = 'micro'): number | undefined =>
    bestPoints(results, experiment, path, name).find((point) => point.bytes === bytes)?.value;
  const said: string[] = [];
  const [native, bypass, split] = ['native', 'bypass', 'split'].map((path) => at(path, 'latency', 8));
  if (native !== undefined && bypass !== undefined)
    said.push(`8 bytes take ${short(bypass)} us by bypass and ${short(native)} us natively: a ratio of ${short(bypass / native)}.`);
  if (bypass !== undefined && split !== undefined)
    said.push(`Through a driver domain they take ${short(split)} us, ${short(split / bypass)} times as long as by bypass.`);
  for (const [path, name] of [
    ['split', 'Through the driver domain'],
    ['ethernet', 'Over Ethernet'],
  ] as const) {
    const slowest = results.plan.kernels
      .map((kernel) => ({ kernel, ratio: (bestSeconds(results, kernel, path) ?? NaN) / (bestSeconds(results, kernel, 'native') ?? NaN) }))
      .filter(({ ratio }) => Number.isFinite(ratio))
      .sort((a, b) => b.ratio - a.ratio);
    if (slowest.length > 0)
      said.push(`${name}, as ratios to native: ${slowest.map(({ kernel, ratio }) => `${kernel} ${short(ratio)}`).join(', ')}.`);
  }
  const [own, guest] = ['native', 'bypass'].map((path) => at(path, 'register', 65_536));
  if (own !== undefined && guest !== undefined)
    said.push(`Registering 64 KiB takes ${short(guest)} us in a guest and ${short(own)} us natively.`);
  const [cached, uncached] = [at('bypass', 'latency', 65_536), at('bypass', 'latency', 65_536, 'no-cache')];
  if (cached !== undefined && uncached !== undefined)
    said.push(`Without the registration cache a message of 64 KiB takes ${short(uncached)} us by bypass instead of ${short(cached)}.`);
  return said;
}

function nas(results: Results): string {
  const { kernels, paths, nasClass, ranks } = results.plan;
  const ratio = (kernel: string, path: string): number | undefined => {
    const [own, native] = [bestSeconds(results, kernel, path), bestSeconds(results, kernel, 'native')];
    return own === undefined || native === undefined ? undefined : own / native;
  };
  const groups = kernels.map((kernel) => ({ name: kernel, values: paths.map((path) => ({ name: path, value: ratio(kernel, path) })) }));
  const rows = kernels.map((kernel) => [
    kernel,
    ...paths.map((path) => bestSeconds(results, kernel, path)),
    fig3[kernel] ?? '–',
    fig12[kernel] ?? '–',
  ]);
  return (
    figure(
      barChart('NAS', 'time / native', groups, 1),
      `NAS class ${nasClass} on ${ranks} ranks: time as a ratio to native. Below 1 is quicker.`,
    ) + table(['seconds', ...paths, 'paper: TCP, Fig 3', 'paper: bypass, Fig 12'], rows)
  );
}

function split(results: Results, path: string, published: Readonly<Record<string, TimeSplit>>): string {
  const rows = results.plan.kernels.flatMap((kernel) => {
    const own = splitOf(results, kernel, path);
    if (own === undefined) return [];
    const there = published[kernel];
    const texts = there === undefined ? '–' : `${there.dom0} / ${there.vmm} / ${there.guests}`;
    return [[kernel, own['driver-domain'], own['vmm'], own['guest'], own['adapter'], texts]];
  });
  return table(['%', 'driver domain', 'VMM', 'guests', 'adapter', 'paper: Dom0 / Xen / DomU'], rows);
}

function operations(results: Results): string {
  const rows = results.plan.paths.flatMap((path) => {
    const run = results.runs.find((each) => each.experiment === 'micro' && each.path === path);
    if (run?.counters === undefined) return [];
    const { messages, adapter, vmm, driverDomain, channel, copiedBytes } = run.counters;
    return [
      [
        path,
        String(messages + channel),
        String(adapter),
        String(vmm),
        String(driverDomain),
        String(channel),
        humanBytes(BigInt(Math.trunc(copiedBytes))),
      ],
    ];
  });
  return table(['path', 'messages', 'adapter', 'VMM', 'driver domain', 'shared memory', 'copied'], rows);
}

function collectives(results: Results): string {
  const { paths } = results.plan;
  const kinds: readonly (readonly [string, number])[] = [
    ['barrier', 0],
    ...[8, 65_536].flatMap((bytes) => ['bcast', 'allreduce', 'alltoall'].map((name) => [name, bytes] as const)),
  ];
  const value = (path: string, name: string, bytes: number): number | undefined =>
    bestPoints(results, 'micro', path, name).find((point) => point.bytes === bytes)?.value;
  return table(
    ['us', ...paths],
    kinds.map(([name, bytes]) => [bytes === 0 ? name : `${name} ${bytesText(bytes)}`, ...paths.map((path) => value(path, name, bytes))]),
  );
}

export function htmlReport(results: Results): string {
  const { machine, vm, plan, skipped } = results;
  const phases = (all: Readonly<Record<string, number>>): Cell[] => ['distribute', 'boot', 'run'].map((name) => all[name]);
  const rate = plan.paths.map((path) => [path, bestPoints(results, 'micro', path, 'rate')[0]?.value]);
  const cacheless = bestPoints(results, 'no-cache', 'bypass', 'latency').map(({ bytes, value }) => [
    bytesText(bytes),
    bestPoints(results, 'micro', 'bypass', 'latency').find((point) => point.bytes === bytes)?.value,
    value,
  ]);
  const parts = [
    `<h1>The papers' experiments on this machine</h1>`,
    `<p>${escape(`${machine.cpu}, ${machine.cores} cores, ${humanBytes(BigInt(machine.memoryBytes))}; Node ${machine.node}; ${machine.when}. ${plan.rounds} rounds over the paths in turn, the best of each.`)}</p>`,
    paper(testbed),
    `<ul>${findings(results)
      .map((each) => `<li>${escape(each)}</li>`)
      .join('')}</ul>`,
    `<h2>Latency (Fig 7)</h2>${paper(texts.fig7)}${sizes(results, 'latency', 'us')}`,
    `<h2>Bandwidth (Fig 8)</h2>${paper(texts.fig8)}${sizes(results, 'bandwidth', 'MB/s')}${sizes(results, 'bidirectional', 'MB/s')}`,
    `<h2>Message rate</h2>${table(['path', '8 B messages / s'], rate)}`,
    `<h2>What it took: operations of one run of all message sizes</h2>${operations(results)}`,
    `<h2>Registration (Fig 9)</h2>${paper(texts.fig9)}${sizes(results, 'register', 'us')}`,
    `<h2>Without the registration cache (Figs 10, 11)</h2>${paper(texts.fig10)}${table(['latency by bypass, us', 'with the cache', 'without'], cacheless)}`,
    `<h2>NAS (Figs 3, 12)</h2>${nas(results)}`,
    `<h2>Whose time it was: streams over Ethernet through the driver domain (Table 1)</h2>${split(results, 'ethernet', table1)}`,
    `<h2>Whose time it was: split driver of the adapter</h2>${split(results, 'split', {})}`,
    `<h2>Whose time it was: bypass (Table 2)</h2>${split(results, 'bypass', table2)}`,
    `<h2>Collectives</h2>${collectives(results)}`,
    `<h2>A VM: image, boot, memory (Table 3)</h2>${paper(texts.table3)}`,
    `<p>The image of hello.c has ${humanBytes(BigInt(vm.imageBytes))}; its VM used ${humanBytes(BigInt(vm.memoryBytes))}.</p>`,
    table(
      ['seconds', 'distribute', 'boot', 'run'],
      [
        ['first job', ...phases(vm.cold)],
        ['second job', ...phases(vm.warm)],
      ],
    ),
    skipped.length === 0 ? '' : `<h2>Not measured</h2><ul>${skipped.map((each) => `<li>${escape(each)}</li>`).join('')}</ul>`,
    `<details><summary>Raw numbers</summary><pre>${escape(JSON.stringify(results, null, 1))}</pre></details>`,
  ];
  return page('verbena bench paper', parts);
}

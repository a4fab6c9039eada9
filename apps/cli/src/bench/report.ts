/** The report: one HTML file with plots, tables and every raw number, that needs nothing else to be read. */
import { escape } from '../terminal/markup.ts';
import { humanBytes } from '../terminal/units.ts';
import { barChart, bytesText, lineChart, short } from './charts.ts';
import { cellsOf, type Results } from './experiments.ts';
import { findings } from './findings.ts';
import { missingCells } from './measure.ts';
import { figure, page, paper, table, type Cell } from './page.ts';
import { fig12, fig3, table1, table2, testbed, texts, type TimeSplit } from './papers.ts';
import { bestGflops, bestPoints, bestSeconds, failedOn, ratioToNative, splitOf } from './results.ts';

/** What was tried and failed says so; what was not tried is a dash. */
const valueOr = (results: Results, experiment: string, path: string, value: Cell): Cell =>
  value ?? (failedOn(results, experiment, path) ? 'failed' : undefined);

/** "1.23 (1.05)": a value and its ratio to the native one. */
function besideNative(value: number | undefined, native: number | undefined): Cell {
  if (value === undefined || native === undefined || native === 0) return value;
  return `${short(value)} (${short(value / native)})`;
}

interface Series {
  readonly figure: string;
  readonly unit: string;
  readonly experiment?: string;
}

function sizes(results: Results, { figure: name, unit, experiment = 'micro' }: Series): string {
  const { paths } = results.plan;
  const lines = paths
    .map((path) => ({
      name: path,
      points: bestPoints(results, experiment, path, name).map(({ bytes, value }) => ({ x: bytes, y: value })),
    }))
    .filter(({ points }) => points.length > 0);
  const failed = paths.filter((path) => failedOn(results, experiment, path));
  const all = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const at = (path: string, bytes: number): number | undefined =>
    lines.find((line) => line.name === path)?.points.find(({ x }) => x === bytes)?.y;
  const rows = all.map((bytes) => [
    bytesText(bytes),
    ...lines.map((line) => (line.name === 'native' ? at('native', bytes) : besideNative(at(line.name, bytes), at('native', bytes)))),
    ...failed.map(() => 'failed'),
  ]);
  const caption = `${name} in ${unit}, by path; in brackets the ratio to native`;
  return figure(lineChart(name, `${name}, ${unit}`, lines), caption) + table([unit, ...lines.map((line) => line.name), ...failed], rows);
}

/** Messages with the cache and without it, beside each other: what registration costs when nothing hides it. */
function cacheless(results: Results, name: string, unit: string): string {
  const { paths } = results.plan;
  const shown = paths.filter(
    (path) => ['native', 'bypass', 'split'].includes(path) && bestPoints(results, 'no-cache', path, name).length > 0,
  );
  const bytes = [...new Set(shown.flatMap((path) => bestPoints(results, 'no-cache', path, name).map((point) => point.bytes)))].sort(
    (a, b) => a - b,
  );
  const at = (experiment: string, path: string, size: number): number | undefined =>
    bestPoints(results, experiment, path, name).find((point) => point.bytes === size)?.value;
  const rows = bytes.map((size) => [
    bytesText(size),
    ...shown.flatMap((path) => [at('micro', path, size), besideNative(at('no-cache', path, size), at('micro', path, size))]),
  ]);
  const head = shown.flatMap((path) => [`${path}, cache`, `${path}, none`]);
  return `<p>${escape(`${name} in ${unit}; in brackets the ratio to the same path with the cache`)}</p>${table(['size', ...head], rows)}`;
}

function nas(results: Results): string {
  const { kernels, paths, classes, ranks } = results.plan;
  const groups = kernels.map((kernel) => ({
    name: kernel,
    values: paths.map((path) => ({ name: path, value: ratioToNative(results, `nas-${kernel}`, path) })),
  }));
  const rows = kernels.map((kernel) => [
    kernel,
    ...paths.map((path) => {
      const [own, native] = [bestSeconds(results, `nas-${kernel}`, path), bestSeconds(results, `nas-${kernel}`, 'native')];
      return valueOr(results, `nas-${kernel}`, path, path === 'native' ? own : besideNative(own, native));
    }),
    fig3[kernel] ?? '–',
    fig12[kernel] ?? '–',
  ]);
  return (
    figure(
      barChart('NAS', 'time / native', groups, 1),
      `NAS on ${ranks} ranks, ${kernels.map((kernel) => `${kernel} class ${classes[kernel] ?? 'S'}`).join(', ')}: time as a ratio to native. Below 1 is quicker.`,
    ) + table(['seconds (ratio)', ...paths, 'paper: TCP, Fig 3', 'paper: bypass, Fig 12'], rows)
  );
}

function linpack(results: Results): string {
  const { paths, hplRanks, hplOrder } = results.plan;
  const rate = (ranks: number, path: string): number | undefined => bestGflops(results, `hpl-${ranks}`, path);
  const lines = paths
    .map((path) => ({ name: path, points: hplRanks.map((ranks) => ({ x: ranks, y: rate(ranks, path) ?? 0 })).filter(({ y }) => y > 0) }))
    .filter(({ points }) => points.length > 0);
  const rows = hplRanks.map((ranks) => [
    String(ranks),
    ...paths.map((path) => {
      const own = rate(ranks, path);
      return valueOr(results, `hpl-${ranks}`, path, path === 'native' ? own : besideNative(own, rate(ranks, 'native')));
    }),
  ]);
  const along = { name: 'ranks', tick: String };
  return (
    figure(lineChart('Linpack', 'GFLOP/s', lines, along), `Linpack, N = ${hplOrder}: GFLOP/s; more is better`) +
    table(['GFLOP/s (ratio), ranks', ...paths], rows)
  );
}

/** The adapter's column is work that the device does, here on the guest's thread; the last column leaves it out, as the papers' adapter took no processor time. */
function split(results: Results, path: string, published: Readonly<Record<string, TimeSplit>>): string {
  const rows = results.plan.kernels.map((kernel) => {
    const own = splitOf(results, kernel, path);
    const there = published[kernel];
    const texts = there === undefined ? '–' : `${there.dom0} / ${there.vmm} / ${there.guests}`;
    if (own === undefined)
      return [kernel, valueOr(results, `nas-${kernel}`, path, undefined), undefined, undefined, undefined, undefined, texts];
    const { guest = 0, adapter = 0 } = own;
    return [kernel, own['driver-domain'], own['vmm'], guest, adapter, (100 * guest) / Math.max(1e-9, 100 - adapter), texts];
  });
  const head = ['%', 'driver domain', 'VMM', 'guests', 'adapter', 'guests, without the adapter', 'paper: Dom0 / Xen / DomU'];
  return `<p>By the path ${escape(path)}.</p>${table(head, rows)}`;
}

function operations(results: Results): string {
  const rows = results.plan.paths.flatMap((path) => {
    const run = results.runs.find((each) => each.experiment === 'micro' && each.path === path && each.failed === undefined);
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
    ...[8, 65_536].flatMap((bytes) => ['bcast', 'reduce', 'allreduce', 'allgather', 'alltoall'].map((name) => [name, bytes] as const)),
  ];
  const value = (path: string, name: string, bytes: number): number | undefined =>
    bestPoints(results, 'micro', path, name).find((point) => point.bytes === bytes)?.value;
  return table(
    ['us (ratio)', ...paths],
    kinds.map(([name, bytes]) => [
      bytes === 0 ? name : `${name} ${bytesText(bytes)}`,
      ...paths.map((path) => {
        const own = value(path, name, bytes);
        return valueOr(results, 'micro', path, path === 'native' ? own : besideNative(own, value('native', name, bytes)));
      }),
    ]),
  );
}

function virtualMachine({ vm }: Results): string {
  if (vm === undefined) return '<p>failed</p>';
  const phases = (all: Readonly<Record<string, number>>): Cell[] => ['distribute', 'boot', 'run'].map((name) => all[name]);
  const rows = [
    ['first job', ...phases(vm.cold)],
    ['second job', ...phases(vm.warm)],
  ];
  const sizesText = `The image of hello.c has ${humanBytes(BigInt(vm.imageBytes))}; its VM used ${humanBytes(BigInt(vm.memoryBytes))}.`;
  return `<p>${sizesText}</p>${table(['seconds', 'distribute', 'boot', 'run'], rows)}`;
}

function failures({ runs }: Results): string {
  const failed = runs.flatMap(({ experiment, path, round, failed: why }) =>
    why === undefined ? [] : [`${experiment}, ${path}, round ${round}: ${why}`],
  );
  return failed.length === 0 ? '' : `<h2>What failed</h2><ul>${failed.map((each) => `<li>${escape(each)}</li>`).join('')}</ul>`;
}

/** The paths that go through a driver domain; `ethernet` is that of Fig 3 and Table 1. */
const driverPaths = (results: Results): string[] => results.plan.paths.filter((path) => path === 'ethernet' || path === 'split');

function unfinished({ plan, runs }: Results): string {
  const [all, missing] = [cellsOf(plan).length, missingCells(plan, runs).length];
  return missing === 0 ? '' : ` ${all - missing} of the ${all} runs were made; the others are missing from every figure.`;
}

export function htmlReport(results: Results): string {
  const { machine, plan } = results;
  const parts = [
    `<h1>The papers' experiments on this machine</h1>`,
    `<p>${escape(`${machine.cpu}, ${machine.cores} cores, ${humanBytes(BigInt(machine.memoryBytes))}; Node ${machine.node}; ${machine.when}. Rounds over the paths in turn: ${plan.rounds}; the best of each counts.${unfinished(results)}`)}</p>`,
    paper(testbed),
    `<ul>${findings(results)
      .map((each) => `<li>${escape(each)}</li>`)
      .join('')}</ul>`,
    `<h2>Latency (Fig 7)</h2>${paper(texts.fig7)}${sizes(results, { figure: 'latency', unit: 'us' })}`,
    `<h2>Bandwidth (Fig 8)</h2>${paper(texts.fig8)}${sizes(results, { figure: 'bandwidth', unit: 'MB/s' })}${sizes(results, { figure: 'bidirectional', unit: 'MB/s' })}`,
    `<h2>Message rate</h2>${sizes(results, { figure: 'rate', unit: 'messages/s' })}`,
    `<h2>What it took: operations of one run of all message sizes</h2>${operations(results)}`,
    `<h2>Registration (Fig 9)</h2>${paper(texts.fig9)}${sizes(results, { figure: 'register', unit: 'us' })}${sizes(results, { figure: 'deregister', unit: 'us' })}`,
    `<h2>Without the registration cache (Figs 10, 11)</h2>${paper(texts.fig10)}${cacheless(results, 'latency', 'us')}${cacheless(results, 'bandwidth', 'MB/s')}`,
    `<h2>NAS (Figs 3, 12)</h2>${paper(texts.fig3)}${nas(results)}`,
    plan.hplRanks.length === 0 ? '' : `<h2>Linpack (Fig 13)</h2>${paper(texts.fig13)}${linpack(results)}`,
    `<h2>Whose time it was: driver domain (Table 1)</h2>${paper(texts.table1)}${driverPaths(results)
      .map((path) => split(results, path, path === 'ethernet' ? table1 : {}))
      .join('')}`,
    `<h2>Whose time it was: bypass (Table 2)</h2>${paper(texts.table2)}${plan.paths.includes('bypass') ? split(results, 'bypass', table2) : ''}`,
    `<h2>Collectives</h2>${collectives(results)}`,
    `<h2>A VM: image, boot, memory (Table 3)</h2>${paper(texts.table3)}${virtualMachine(results)}`,
    failures(results),
    `<details><summary>Raw numbers</summary><pre>${escape(JSON.stringify(results, null, 1))}</pre></details>`,
  ];
  return page('verbena bench paper', parts);
}

/** The report of `verbena bench migration`. */
import { escape } from '../terminal/markup.ts';
import { humanBytes } from '../terminal/units.ts';
import { lineChart, short, type Axis } from './charts.ts';
import {
  designs,
  medianMove,
  medianOf,
  medianOverlap,
  still,
  typical,
  ways,
  type Bin,
  type LatencyTrace,
  type MigrationResults,
} from './migration-experiments.ts';
import type { Moved } from './moving-job.ts';
import { figure, page, paper, table } from './page.ts';

const texts = {
  cluster:
    'Huang, Gao, Liu, Panda (Cluster 2007): migration over RDMA takes up to 80% less time than over TCP on InfiniBand, and the guest stands 77% less.',
  ipdps:
    'Zhang, Lu, Panda (IPDPS 2017): with a progress engine the whole job waits while one of its 8 VMs moves; with a migration thread it computes on.',
};

const mib: Axis = { name: 'MiB in use', tick: (value) => short(value) };

/** By size of the memory in use. */
function bySize(results: MigrationResults, of: keyof Moved, title: string): string {
  const { sizes } = results.plan;
  const names = Object.keys(ways);
  const at = (way: string, x: number): number | undefined => medianMove(results, 'size', way, x, of);
  const lines = names
    .map((name) => ({ name, points: sizes.flatMap((x) => ((y) => (y === undefined ? [] : [{ x, y }]))(at(name, x))) }))
    .filter(({ points }) => points.length > 0);
  return (
    figure(lineChart(title, 'ms', lines, mib), `${title} in ms, by memory in use and by way`) +
    table(
      ['MiB', ...names],
      sizes.map((x) => [String(x), ...names.map((name) => at(name, x))]),
    )
  );
}

function byRate(results: MigrationResults): string {
  const rows = results.plan.rates.map((x) => {
    const at = (way: string, of: keyof Moved): number | undefined => medianMove(results, 'rate', way, x, of);
    return [String(x), at('tcp', 'totalMs'), at('rdma', 'totalMs'), at('tcp', 'downtimeMs'), at('rdma', 'downtimeMs'), at('tcp', 'rounds')];
  });
  return table(['pages / ms', 'total, tcp', 'total, rdma', 'stood, tcp', 'stood, rdma', 'rounds, tcp'], rows);
}

function trace(results: MigrationResults, { transport, moved, bounce, allreduce }: LatencyTrace): string {
  const row = (name: string, bins: readonly Bin[]) => {
    const usual = medianOf(bins.map(({ mean }) => mean));
    const worst = bins.length === 0 ? undefined : Math.max(...bins.map((bin) => bin.worst)) / 1000;
    const slow = usual === undefined ? 0 : bins.filter(({ mean }) => mean > 2 * usual).length;
    return [name, usual, worst, `${String(slow)} of ${String(bins.length)}`];
  };
  const said = `over ${transport}: moved in ${short(moved.totalMs)} ms, the VM stood for ${short(moved.downtimeMs)} ms, its job for ${short(moved.pauseMs)} ms`;
  return `<p>${escape(said)}</p>${table(
    ['', 'usual mean, us', 'worst, ms', '10 ms with more than twice the usual'],
    [row('8 B there and back', bounce), row('8 B Allreduce', allreduce)],
  )}<p>${String(results.plan.seconds)} s in all.</p>`;
}

/** By how much of its time the program computes. */
function overlap(results: MigrationResults): string {
  const { shares } = results.plan;
  const names = { pe: 'progress engine', mt: 'migration thread' } as const;
  const lines = (['pe', 'mt'] as const)
    .map((design) => ({
      name: names[design],
      // Both axes are logarithmic; the table has the zeroes.
      points: shares.map((x) => ({ x, y: medianOverlap(results, design, x) ?? 0 })).filter(({ x, y }) => x > 0 && y > 0),
    }))
    .filter(({ points }) => points.length > 0);
  const axis: Axis = { name: '% of its time that the program computes', tick: (value) => short(value) };
  const rows = shares.map((x) => [String(x), medianOverlap(results, 'pe', x), medianOverlap(results, 'mt', x)]);
  return (
    (lines.length === 0
      ? ''
      : figure(lineChart('Overlap', '%', lines, axis), 'Percent of the time of a move that cost the program nothing')) +
    table(['% computation', names.pe, names.mt], rows)
  );
}

/** What one can say at a glance, with its figures. */
export function migrationFindings(results: MigrationResults): string[] {
  const said: string[] = [];
  const largest = Math.max(...results.plan.sizes);
  const at = (way: string, of: keyof Moved): number | undefined => medianMove(results, 'size', way, largest, of);
  const less = (name: string, of: keyof Moved): void => {
    const [tcp, rdma] = [at('tcp', of), at('rdma', of)];
    if (tcp === undefined || rdma === undefined) return;
    const percent = 100 * (rdma / tcp - 1);
    said.push(`${name} with ${String(largest)} MiB in use: ${short(rdma)} ms by RDMA, ${short(tcp)} ms by TCP (${percent.toFixed(0)}%).`);
  };
  less('Total time', 'totalMs');
  less('The VM stands', 'downtimeMs');
  const [together, single] = [at('rdma', 'totalMs'), at('rdma, page by page', 'totalMs')];
  if (together !== undefined && single !== undefined)
    said.push(`Page by page, RDMA takes ${short(single)} ms instead of ${short(together)} ms.`);
  const [usual, moving] = [medianOf(results.work[still] ?? []), medianOf(results.work[typical] ?? [])];
  if (usual !== undefined && moving !== undefined)
    said.push(
      `A program on ${String(results.plan.ranks)} VMs takes ${short(moving)} s when one of them moves, and ${short(usual)} s when none does: a ratio of ${short(moving / usual)}.`,
    );
  return said;
}

export function migrationReport(results: MigrationResults): string {
  const { machine, plan, traces, work, skipped } = results;
  const bytes = medianMove(results, 'size', 'tcp', Math.max(...plan.sizes), 'bytes');
  const parts = [
    `<h1>Moving VMs on this machine</h1>`,
    `<p>${escape(`${machine.cpu}, ${String(machine.cores)} cores, ${humanBytes(BigInt(machine.memoryBytes))}; Node ${machine.node}; ${machine.when}. Node-agents in processes of their own; medians of ${String(plan.rounds)} moves. Times are those of the log: the total until the source has freed the VM, standing until all ranks were told to go on.`)}</p>`,
    `<ul>${migrationFindings(results)
      .map((each) => `<li>${escape(each)}</li>`)
      .join('')}</ul>`,
    `<h2>Total time against memory in use</h2>${paper(texts.cluster)}${bySize(results, 'totalMs', 'Total time')}`,
    bytes === undefined ? '' : `<p>${humanBytes(BigInt(Math.round(bytes)))} cross the link for the largest, by TCP.</p>`,
    `<h2>Standing against memory in use</h2>${bySize(results, 'downtimeMs', 'The VM stands')}`,
    `<h2>Against what the program writes meanwhile (${String(plan.usedMib)} MiB in use)</h2>${byRate(results)}`,
    `<h2>Latency while one of two VMs moves</h2>${traces.map((each) => trace(results, each)).join('')}`,
    `<h2>A program on ${String(plan.ranks)} VMs, of which one moves</h2>${paper(texts.ipdps)}`,
    table(
      ['seconds', 'median', 'all'],
      Object.keys(designs).map((name) => [name, medianOf(work[name] ?? []), (work[name] ?? []).map(short).join(', ')]),
    ),
    `<p>In the worst case of the migration thread all ranks stand while the memory travels.</p>`,
    `<h2>What of a move is hidden behind computation</h2>${overlap(results)}`,
    skipped.length === 0 ? '' : `<h2>Not measured</h2><ul>${skipped.map((each) => `<li>${escape(each)}</li>`).join('')}</ul>`,
    `<details><summary>Raw numbers</summary><pre>${escape(JSON.stringify(results, null, 1))}</pre></details>`,
  ];
  return page('verbena bench migration', parts);
}

/**
 * `npm run endurance [-- moves]`: one VM goes back and forth between two hosts in processes of their own, 1,000 times when nothing is said, over TCP and
 * by RDMA in turn. Prints every so many moves how long one took, and what each node-agent and service has: memory, threads, open files. Ends with code 1 when
 * the last moves took clearly longer than the first, or a process has clearly more than after the first.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { MovingJob, ProcessCluster } from '@verbena/framework';
import { compile } from '@verbena/toolchain';
import { medianOf, verdict, type Sample } from './endured.ts';

const program = new URL('../../../examples/bench/moving.c', import.meta.url).pathname;
const watched = ['node-0', 'node-1', 'migration-controller', 'scheduler', 'storage'] as const;
const samples = 20;

const [wish = '1000'] = process.argv.slice(2);
const moves = Number(wish);
if (!Number.isSafeInteger(moves) || moves < samples || moves > 1_000_000) {
  console.error(`usage: npm run endurance [-- moves]      at least ${String(samples)}; for example: npm run endurance -- 200`);
  process.exit(64);
}

const { exitCode, image } = await compile({ language: 'c', args: ['-O3', program], cwd: process.cwd(), onDiagnostics: console.error });
if (exitCode !== 0 || image === undefined) throw new Error(`${program} did not compile (${String(exitCode)})`);
const cluster = await ProcessCluster.start({ hosts: 2, cores: 1 });
try {
  const signal = new AbortController().signal;
  const job = await MovingJob.start(cluster.url, { image, args: ['dirty', '8', '1'], processes: 1, memoryBytes: 32 << 20, signal });
  const all: Sample[] = [];
  for (let sample = 1; sample <= samples; sample++) {
    const from = Math.round(((sample - 1) * moves) / samples);
    const to = Math.round((sample * moves) / samples);
    const took: number[] = [];
    for (let move = from; move < to; move++) {
      const begun = performance.now();
      await job.move(0, { transport: move % 4 < 2 ? 'tcp' : 'rdma' });
      took.push(performance.now() - begun);
    }
    const taken: Sample = { moves: to, moveMs: medianOf(took), processes: Object.fromEntries(watched.map((name) => [name, heldBy(name)])) };
    all.push(taken);
    console.log(`${String(to)} moves, ${taken.moveMs.toFixed(0)} ms each; ${told(taken)}`);
  }
  await job.cancel();
  const grown = verdict(all);
  for (const line of grown) console.error(line);
  process.exitCode = grown.length === 0 ? 0 : 1;
} finally {
  await cluster.stop();
}

function heldBy(name: string): Sample['processes'][string] {
  const proc = `/proc/${String(cluster.pid(name))}`;
  const mib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]) / 1024;
  return { mib, threads: readdirSync(`${proc}/task`).length, files: readdirSync(`${proc}/fd`).length };
}

function told({ processes }: Sample): string {
  return Object.entries(processes)
    .map(([name, { mib, threads, files }]) => `${name} ${mib.toFixed(0)} MiB, ${String(threads)} threads, ${String(files)} files`)
    .join('; ');
}

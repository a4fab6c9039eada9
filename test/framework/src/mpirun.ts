/**
 * A developer's mpirun without a control plane, for trying a guest: node --conditions=verbena-source test/framework/src/mpirun.ts
 * -n 4 [--hosts 2] [--processes 2] [--spin 2000] [--limit 60000]
 * [--quiesce SEED[:MEAN MS]] [--io split] prog.c [compiler flags] [-- arguments],
 * or with a .vmi file instead of sources
 */
import { looksLikeImageFile, readImageFile, type GuestImage } from '@verbena/guest-image';
import { closeToolchain, compile } from '@verbena/toolchain';
import type { IoPath } from '@verbena/hypervisor';
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runGuests } from './guest-runner.ts';
import type { Quiescing } from './quiescing.ts';

const split = process.argv.indexOf('--');
const own = process.argv.slice(2, split < 0 ? undefined : split);
const args = split < 0 ? [] : process.argv.slice(split + 1);
const named = new Set(['-n', '--hosts', '--processes', '--spin', '--limit', '--io', '--quiesce']);
const options: string[] = [];
const sources: string[] = [];
for (let i = 0; i < own.length; i++) {
  const word = own[i] ?? '';
  if (named.has(word)) options.push(word, own[++i] ?? '');
  else sources.push(word);
}
const { values } = parseArgs({
  args: options,
  options: {
    n: { type: 'string', short: 'n' },
    hosts: { type: 'string' },
    processes: { type: 'string' },
    spin: { type: 'string' },
    limit: { type: 'string' },
    quiesce: { type: 'string' },
    io: { type: 'string' },
  },
});

/** The file that is named, when it is an image already; else what the compiler makes of the words. */
async function imageOf(words: readonly string[]): Promise<GuestImage> {
  const [only = '', ...others] = words;
  const bytes = others.length === 0 && existsSync(only) ? readFileSync(only) : new Uint8Array();
  if (looksLikeImageFile(bytes)) return readImageFile(bytes);
  const { image, exitCode } = await compile({
    language: 'c',
    args: ['-O3', ...words],
    cwd: process.cwd(),
    onDiagnostics: (text) => void process.stderr.write(text),
  });
  return image ?? process.exit(exitCode === 0 ? 1 : exitCode);
}

const image = await imageOf(sources);

function quiescingOf(text: string): Quiescing {
  const [seed = 1, everyMs = 10] = text.split(':').map(Number);
  return { seed, everyMs };
}

const size = Number(values.n ?? 1);
const result = await runGuests({
  image,
  size,
  hosts: Number(values.hosts ?? Math.min(size, 4)),
  processes: Number(values.processes ?? 0),
  args,
  env: Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[0].startsWith('VERBENA_'))),
  ioPath: (values.io ?? 'bypass') as IoPath,
  limitMs: Number(values.limit ?? 60_000),
  ...(values.quiesce === undefined ? {} : { quiescing: quiescingOf(values.quiesce) }),
  ...(values.spin === undefined ? {} : { spinNs: Number(values.spin) }),
});
result.exits.forEach((exit, rank) => {
  process.stdout.write(result.stdout[rank] ?? '');
  process.stderr.write(result.stderr[rank] ?? '');
  if (process.env['VERBENA_COUNTERS'] !== undefined) process.stderr.write(`rank ${String(rank)}: ${JSON.stringify(exit.counters)}\n`);
  if (exit.cause !== 'exited' || exit.exitCode !== 0 || process.env['VERBENA_TRACE'] !== undefined) {
    const waits = result.waitsFor[rank] ?? '';
    process.stderr.write(
      `rank ${String(rank)}: ${exit.cause} ${String(exit.exitCode)} ${exit.detail}${waits === '' ? '' : ` [${waits}]`}\n`,
    );
  }
});
if (result.quiescing !== undefined) process.stdout.write(`channels: ${JSON.stringify(result.quiescing)}\n`);
process.exitCode = result.exits.find((exit) => exit.exitCode !== 0)?.exitCode ?? 0;
void closeToolchain();

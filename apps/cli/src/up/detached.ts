/** verbena up -d: the same in a process of its own, which goes on when the terminal closes. */
import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandContext } from '../command-context.ts';
import type { UpOptions } from '../commands/up.ts';
import { isAlive, readEndpoint, type Endpoint } from '../endpoint/endpoint-file.ts';
import { CliError, SilentExit } from '../errors.ts';
import { announcement } from './announcement.ts';
import { doorWords } from './door.ts';
import { progressLine } from '../terminal/progress.ts';

const readyMs = 90_000;
const lookEveryMs = 50;

export async function upDetached(context: CommandContext, options: UpOptions): Promise<number> {
  const { dataDir } = context.where;
  const running = await readEndpoint(dataDir);
  if (running && (await isAlive(running)))
    throw new CliError(`a cluster is up already for ${dataDir}: process ${running.pid}, at ${running.url}. "verbena down" stops it`);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const outputFile = join(dataDir, 'up.log');
  const progress = progressLine(context.io, context.options);
  progress.show('starting a cluster in the background');
  try {
    const endpoint = await launched(context, options, dataDir, outputFile);
    progress.clear();
    const { url, pid } = endpoint;
    await context.io.out(announcement({ url, pid, dataDir, hosts: options.hosts, cores: options.cores }, context.json));
    return 0;
  } finally {
    progress.clear();
  }
}

function upArguments(options: UpOptions, dataDir: string, cwd: string): string[] {
  return [
    'up',
    '--data-dir',
    dataDir,
    '--hosts',
    String(options.hosts),
    '--cores',
    String(options.cores),
    ...(options.memory === undefined ? [] : ['--memory', String(options.memory)]),
    ...(options.portRate === undefined ? [] : ['--port-rate', String(options.portRate)]),
    ...(options.listen === undefined ? [] : ['--listen', options.listen]),
    ...(options.processes === true ? ['--processes'] : []),
    ...doorWords(options, cwd),
  ];
}

async function launched(context: CommandContext, options: UpOptions, dataDir: string, outputFile: string): Promise<Endpoint> {
  const output = openSync(outputFile, 'w', 0o600);
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, ...upArguments(options, dataDir, context.io.cwd)], {
    cwd: '/',
    env: context.io.env,
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  let ended: number | string | undefined;
  child.once('exit', (code, signal) => (ended = code ?? signal ?? 1));
  child.once('error', (error) => (ended = error.message));
  const deadline = performance.now() + readyMs;
  while (performance.now() < deadline) {
    const endpoint = await readEndpoint(dataDir);
    if (endpoint?.pid === child.pid && endpoint !== undefined) {
      child.unref();
      return endpoint;
    }
    if (ended !== undefined) {
      await context.io.err(await readFile(outputFile, 'utf8').catch(() => ''));
      throw typeof ended === 'number' && ended > 0
        ? new SilentExit(ended)
        : new CliError(`the cluster ended at once (${String(ended)}); see ${outputFile}`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  child.kill('SIGTERM');
  throw new CliError(`the cluster was not ready within ${readyMs / 1000} s; ${outputFile} and ${join(dataDir, 'verbena.log')} tell more`);
}

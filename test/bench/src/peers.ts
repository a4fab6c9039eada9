/** The peers: the same C sources built with gcc and MPICH, and plain processes. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const limits = { timeout: 120_000, maxBuffer: 1 << 20 };

export interface Peers {
  /** Runs a program under MPICH and gives its standard output. `transport` chooses what its messages cross. */
  readonly mpich: ((source: string, ranks: number, args: readonly string[], transport?: 'shm' | 'tcp') => Promise<string>) | undefined;
  /** Runs a plain C program. */
  readonly native: ((source: string, args: readonly string[]) => Promise<string>) | undefined;
  close(): Promise<void>;
}

async function installed(command: string): Promise<boolean> {
  return exec(command, ['--version'], limits).then(
    () => true,
    () => false,
  );
}

/** Builds each source once, with the flags that its users would take. */
export async function findPeers(): Promise<Peers> {
  const directory = await mkdtemp(join(tmpdir(), 'verbena-bench-'));
  const built = new Map<string, Promise<string>>();
  const build = (compiler: string, source: string): Promise<string> => {
    const key = `${compiler} ${source}`;
    const known = built.get(key);
    if (known) return known;
    const output = join(directory, `program-${built.size}`);
    const made = exec(compiler, ['-O3', '-o', output, source, '-lm'], limits).then(() => output);
    built.set(key, made);
    return made;
  };
  const haveMpich = (await installed('mpicc')) && (await installed('mpiexec'));
  const haveGcc = await installed('gcc');
  return {
    mpich: haveMpich
      ? async (source, ranks, args, transport = 'shm') => {
          const program = await build('mpicc', source);
          const env = transport === 'tcp' ? { ...process.env, UCX_TLS: 'tcp,self' } : process.env;
          return (await exec('mpiexec', ['-n', String(ranks), program, ...args], { ...limits, env })).stdout;
        }
      : undefined,
    native: haveGcc ? async (source, args) => (await exec(await build('gcc', source), [...args], limits)).stdout : undefined,
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Reads "name 12.5" from a program's output. */
export function value(output: string, name: string): number {
  const found = new RegExp(`^${name} ([0-9.eE+-]+)$`, 'm').exec(output);
  if (!found?.[1]) throw new Error(`no line "${name} <number>" in:\n${output}`);
  return Number(found[1]);
}

/** Reads the seconds from the report of a NAS kernel, or of Linpack; a run that is not verified does not count. */
export function nasSeconds(output: string): number {
  if (!output.includes('VERIFICATION SUCCESSFUL')) throw new Error(`not verified:\n${output}`);
  const found = /ranks: ([0-9.]+) s/.exec(output);
  if (!found?.[1]) throw new Error(`no time in:\n${output}`);
  return Number(found[1]);
}

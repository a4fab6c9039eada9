/**
 * Slurm as a peer: munged, slurmctld and slurmd in the foreground, in a directory of their own, with no accounting. `sbatch` of `true`, as its users
 * would: several shells submit one job after another.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JobLoad, Throughput } from './job-throughput.ts';

const exec = promisify(execFile);
const daemons = ['/usr/sbin/munged', '/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/bin/sbatch'];
const pollMs = 50;
const startMs = 30_000;

/**
 * `plain` is Slurm as it comes. `tuned` follows its page on high throughput: jobs are not scheduled one by one as they come but in passes, with the
 * simple scheduler and without logs; and the node is said to have many more processors than it has, since a batch job holds one for about a second
 * after its program has ended.
 */
export const slurmProfiles = {
  plain: { cpus: 8, lines: [] },
  tuned: {
    cpus: 64,
    lines: [
      'SchedulerType=sched/builtin',
      'SchedulerParameters=defer,sched_interval=1,sched_min_interval=1000,default_queue_depth=10000,partition_job_depth=0',
      'SlurmctldDebug=error',
      'SlurmdDebug=error',
    ],
  },
} as const;

export async function slurmInstalled(): Promise<boolean> {
  return Promise.all(daemons.map((path) => access(path))).then(
    () => true,
    () => false,
  );
}

export interface Slurm {
  measure(load: JobLoad): Promise<Throughput>;
  close(): Promise<void>;
}

export async function startSlurm(profile: keyof typeof slurmProfiles): Promise<Slurm> {
  const directory = await mkdtemp(join(tmpdir(), 'verbena-slurm-'));
  const env = { ...process.env, SLURM_CONF: join(directory, 'slurm.conf') };
  const running: ChildProcess[] = [];
  const start = (file: string, args: readonly string[]): void => void running.push(spawn(file, [...args], { env, stdio: 'ignore' }));
  const close = async (): Promise<void> => {
    for (const child of running.reverse()) await ended(child);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const socket = await prepare(directory, profile);
    const munge = (name: string): string => join(directory, 'munge', name);
    const files = [`--socket=${socket}`, `--key-file=${munge('key')}`, `--pid-file=${munge('pid')}`];
    start('/usr/sbin/munged', ['--foreground', '--force', ...files, `--log-file=${munge('log')}`, `--seed-file=${munge('seed')}`]);
    await until('munged listens', () => access(socket).then(() => true));
    start('/usr/sbin/slurmctld', ['-D', '-i']);
    await until('slurmctld answers', async () => (await exec('scontrol', ['ping'], { env })).stdout.includes('is UP'));
    start('/usr/sbin/slurmd', ['-D']);
    await until('the node is idle', async () => (await exec('sinfo', ['-h', '-o', '%T'], { env })).stdout.includes('idle'));
  } catch (error) {
    await close();
    throw error;
  }
  return { measure: (load) => measure(env, load), close };
}

/** @returns the path of munged's socket */
async function prepare(directory: string, profile: keyof typeof slurmProfiles): Promise<string> {
  const { cpus, lines } = slurmProfiles[profile];
  for (const name of ['munge', 'state', 'spool']) await mkdir(join(directory, name), { mode: 0o755 });
  await writeFile(join(directory, 'munge', 'key'), randomBytes(128), { mode: 0o400 });
  const socket = join(directory, 'munge', 'socket');
  const host = hostname().split('.')[0] ?? 'localhost';
  const { username } = userInfo();
  const [controller, node] = [await freePort(), await freePort()];
  const config = [
    'ClusterName=bench',
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${controller}`,
    `SlurmdPort=${node}`,
    `SlurmUser=${username}`,
    `SlurmdUser=${username}`,
    'AuthType=auth/munge',
    `AuthInfo=socket=${socket}`,
    `StateSaveLocation=${join(directory, 'state')}`,
    `SlurmdSpoolDir=${join(directory, 'spool')}`,
    `SlurmctldPidFile=${join(directory, 'slurmctld.pid')}`,
    `SlurmdPidFile=${join(directory, 'slurmd.pid')}`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'AccountingStorageType=accounting_storage/none',
    'JobAcctGatherType=jobacct_gather/none',
    'MpiDefault=none',
    'ReturnToService=2',
    'MaxJobCount=100000',
    'SlurmdParameters=config_overrides',
    ...lines,
    `NodeName=${host} NodeAddr=127.0.0.1 CPUs=${cpus} State=UNKNOWN`,
    `PartitionName=main Nodes=${host} Default=YES MaxTime=INFINITE State=UP`,
  ];
  await writeFile(join(directory, 'slurm.conf'), `${config.join('\n')}\n`);
  return socket;
}

async function measure(env: NodeJS.ProcessEnv, { jobs, clients }: JobLoad): Promise<Throughput> {
  const began = performance.now();
  const loop = 'for i in $(seq $0); do sbatch -Q -o /dev/null --wrap true > /dev/null || exit 1; done';
  await Promise.all(Array.from({ length: clients }, () => exec('sh', ['-c', loop, String(Math.ceil(jobs / clients))], { env })));
  const submitted = performance.now();
  const waiting = async (): Promise<boolean> => (await exec('squeue', ['-h', '-t', 'PENDING,RUNNING,COMPLETING'], { env })).stdout !== '';
  while (await waiting()) await new Promise((resolve) => setTimeout(resolve, pollMs));
  const completed = performance.now();
  const count = Math.ceil(jobs / clients) * clients;
  return { submittedPerSecond: (count * 1000) / (submitted - began), completedPerSecond: (count * 1000) / (completed - began) };
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + startMs; performance.now() < deadline;) {
    if (await check().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`Slurm did not start: it never came to this: ${what}`);
}

/** Ends a daemon, by force when it does not go. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** JobSpec at the boundary: every field checked and bounded, defaults put in, and both ways between the contract's message and the domain. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs, type Duration } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1 } from '@verbena/contracts';
import type { JobSpec } from '@verbena/domain-job';
import { ioPathOf, isIoPath, wireIoPath } from './io-path.ts';
import { isPolicyName, policyNames } from '@verbena/placement';
import type { SchedulerConfig } from '../config.ts';

const page = 65_536;
const mostMemory = 2 ** 32;
const longestWalltimeMs = 30 * 24 * 3_600_000;
const most = { processes: 4096, args: 4096, argBytes: 128 * 1024, env: 1024, envBytes: 256 * 1024, stdin: 8 * 1024 * 1024, files: 10_000 };

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

/**
 * @param roles of who asks; none: a service on its own account
 * @throws ConnectError INVALID_ARGUMENT that says which field is wrong and what it may be, PERMISSION_DENIED for a weight that only an operator gives
 */
export function readJobSpec(spec: jobv1.JobSpec | undefined, config: SchedulerConfig, roles: readonly string[] = []): JobSpec {
  if (spec === undefined) throw invalid('the job has no specification');
  checkShape(spec);
  checkTexts(spec);
  const files = spec.inputFiles.map(({ path, size, chunks }) => ({ path, size: Number(size), chunks }));
  checkFiles(files);
  const { requirements } = spec;
  return {
    name: spec.name,
    image: spec.image,
    requirements: {
      os: requirements?.os ?? '',
      abiVersion: requirements?.abiVersion ?? '',
      libraries: requirements?.libraries ?? {},
      labels: requirements?.labels ?? {},
    },
    processes: spec.processes,
    vms: spec.processes,
    vcpusPerVm: 1,
    memoryBytes: readMemory(spec.memoryBytes),
    args: spec.args,
    env: spec.env,
    stdin: Buffer.from(spec.stdin).toString('base64'),
    walltimeMs: readWalltime(spec.walltime) ?? config.defaultWalltimeMs,
    outputLimitBytes: spec.outputLimitBytes === 0n ? config.defaultOutputLimitBytes : clamped(spec.outputLimitBytes),
    placementPolicy: readPolicy(spec.placementPolicy, config),
    ioPath: ioPathOf(spec.ioPath),
    ...readIoShare(spec, roles),
    priority: spec.priority,
    inputFiles: files,
    ...readNodeLoss(spec),
    checkpointEveryMs: spec.checkpointEvery === undefined ? 0 : readInterval(spec.checkpointEvery),
    restartFrom: spec.restartFrom,
  };
}

function checkShape({ processes, vms, vcpusPerVm, ioPath }: jobv1.JobSpec): void {
  if (processes < 1 || processes > most.processes)
    throw invalid(`the job asks for ${processes} processes; 1 to ${most.processes} are possible`);
  if (vms !== 0 && vms !== processes) {
    throw invalid(
      `the job asks for ${processes} processes in ${vms} VMs; this version runs one process in each VM, so leave out the number of VMs or make it ${processes}`,
    );
  }
  if (vcpusPerVm > 1) throw invalid(`the job asks for ${vcpusPerVm} vCPUs in each VM; this version gives each VM one`);
  if (!isIoPath(ioPath)) throw invalid(`there is no I/O path ${ioPath}; the bypass path is 1`);
}

function checkTexts({ name, image, args, env, stdin, requirements }: jobv1.JobSpec): void {
  bounded('name', [name], 1, 256);
  bounded('image reference', [image], 1, 256);
  bounded('arguments', args, most.args, most.argBytes);
  bounded('environment', Object.entries(env).flat(), 2 * most.env, most.envBytes);
  const badName = Object.keys(env).find((variable) => variable === '' || variable.includes('='));
  if (badName !== undefined) throw invalid(`${JSON.stringify(badName)} cannot name an environment variable`);
  const wishes = [...Object.entries(requirements?.libraries ?? {}), ...Object.entries(requirements?.labels ?? {})].flat();
  bounded('requirements', [requirements?.os ?? '', requirements?.abiVersion ?? '', ...wishes], 1024, 64 * 1024);
  if (stdin.length > most.stdin) {
    throw invalid(
      `standard input has ${stdin.length} bytes; at most ${most.stdin} can be sent with a job: give larger data as an input file`,
    );
  }
}

function bounded(what: string, texts: readonly string[], count: number, bytes: number): void {
  if (texts.length > count) throw invalid(`the job's ${what} has ${texts.length} entries; at most ${count} are possible`);
  const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (size > bytes) throw invalid(`the job's ${what} has ${size} bytes; at most ${bytes} are possible`);
  if (texts.some((text) => text.includes('\0'))) throw invalid(`the job's ${what} contains a NUL character`);
}

function checkFiles(files: JobSpec['inputFiles']): void {
  if (files.length > most.files) throw invalid(`the job has ${files.length} input files; at most ${most.files} are possible`);
  const seen = new Set<string>();
  for (const { path, chunks } of files) {
    const parts = path.split('/');
    const bad =
      path === '' ||
      path.length > 1024 ||
      path.includes('\0') ||
      path.includes('\\') ||
      parts.some((part) => part === '' || part === '.' || part === '..');
    if (bad)
      throw invalid(`the input file ${JSON.stringify(path.slice(0, 200))} must have a relative path with forward slashes and without ".."`);
    if (seen.has(path)) throw invalid(`the input file ${path} is given twice`);
    if (chunks.some((digest) => !/^sha256:[0-9a-f]{64}$/.test(digest)))
      throw invalid(`the input file ${path} names a chunk that is no digest`);
    seen.add(path);
  }
}

/** Rounded up to a whole page of WebAssembly memory. */
function readMemory(bytes: bigint): number {
  if (bytes > mostMemory) throw invalid(`the job asks for ${bytes} bytes of memory a VM; at most 4 GiB (${mostMemory}) are possible`);
  return Math.ceil(Number(bytes) / page) * page;
}

function readWalltime(walltime: Duration | undefined): number | undefined {
  if (walltime === undefined) return undefined;
  const ms = Number(walltime.seconds) * 1000 + walltime.nanos / 1e6;
  if (!(ms > 0) || ms > longestWalltimeMs) throw invalid(`the walltime is ${ms / 1000} s; it must be above 0 and at most 30 days`);
  return ms;
}

const shortestIntervalMs = 1_000;

function readInterval(interval: Duration): number {
  const ms = Number(interval.seconds) * 1000 + interval.nanos / 1e6;
  if (!(ms >= shortestIntervalMs) || ms > longestWalltimeMs)
    throw invalid(`the job is to be saved every ${ms / 1000} s; 1 s to 30 days are possible`);
  return ms;
}

/** Of who does not say. */
const commonShare = { weight: 1, bytesPerSecond: 0 };

/** What all get is not said to anybody. */
function wireIoShare({ ioShare = commonShare }: JobSpec): Pick<jobv1.JobSpec, 'ioWeight' | 'ioBytesPerSecond'> {
  const { weight, bytesPerSecond } = ioShare;
  const common = weight === commonShare.weight && bytesPerSecond === 0;
  return { ioWeight: common ? 0 : weight, ioBytesPerSecond: BigInt(bytesPerSecond) };
}

const mostWeight = 255;
/** So that a user can let one of his jobs go before another, and not before everybody else's. */
const mostWeightOfUsers = 4;
const [leastRate, mostRate] = [1_000n, 1_000n * 2n ** 26n];

function readIoShare({ ioWeight, ioBytesPerSecond, ioPath }: jobv1.JobSpec, roles: readonly string[]): Required<Pick<JobSpec, 'ioShare'>> {
  if (ioWeight === 0 && ioBytesPerSecond === 0n) return { ioShare: commonShare };
  if (ioWeight > mostWeight) throw invalid(`the job asks for the weight ${ioWeight} at the adapter; 1 to ${mostWeight} are possible`);
  if (ioBytesPerSecond !== 0n && (ioBytesPerSecond < leastRate || ioBytesPerSecond > mostRate))
    throw invalid(
      `the job asks for ${ioBytesPerSecond} bytes a second at the adapter; ${leastRate} to ${mostRate} are possible, or 0 for no limit`,
    );
  if (ioPathOf(ioPath) === 'ethernet')
    throw invalid('VMs on the path ethernet do not use the adapter: they have no weight and no rate there');
  const operates = roles.length === 0 || roles.includes('operator') || roles.includes('admin');
  if (ioWeight > mostWeightOfUsers && !operates)
    throw new ConnectError(
      `the job asks for the weight ${ioWeight} at the adapter; users may ask for 1 to ${mostWeightOfUsers}, operators for up to ${mostWeight}`,
      Code.PermissionDenied,
    );
  return { ioShare: { weight: Math.max(1, ioWeight), bytesPerSecond: Number(ioBytesPerSecond) } };
}

/** How often a job runs again when it wants to and does not say. */
const defaultRequeues = 3;

function readNodeLoss({ onNodeLoss, maxRequeues }: jobv1.JobSpec): Required<Pick<JobSpec, 'onNodeLoss' | 'maxRequeues'>> {
  const { UNSPECIFIED, FAIL, REQUEUE } = jobv1.NodeLossPolicy;
  if (onNodeLoss === REQUEUE) return { onNodeLoss: 'requeue', maxRequeues: maxRequeues === 0 ? defaultRequeues : maxRequeues };
  if (onNodeLoss !== UNSPECIFIED && onNodeLoss !== FAIL) throw invalid(`there is no policy ${String(onNodeLoss)} for the loss of a node`);
  if (maxRequeues > 0) throw invalid('the job says how often it may be requeued, and not that it shall be (on_node_loss)');
  return { onNodeLoss: 'fail', maxRequeues: 0 };
}

function readPolicy(name: string, config: SchedulerConfig): string {
  if (name === '') return config.defaultPolicy;
  if (!isPolicyName(name)) throw invalid(`there is no placement policy ${JSON.stringify(name)}; there are ${policyNames.join(', ')}`);
  return name;
}

const clamped = (value: bigint): number => Number(value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : value);

/** As the contract shows it; without standard input, which only the node-agents need. */
export function toWireSpec(spec: JobSpec, withStdin = false): jobv1.JobSpec {
  const { seconds, nanos } = timestampFromMs(spec.walltimeMs);
  return create(jobv1.JobSpecSchema, {
    name: spec.name,
    image: spec.image,
    requirements: spec.requirements,
    processes: spec.processes,
    vms: spec.vms,
    vcpusPerVm: spec.vcpusPerVm,
    memoryBytes: BigInt(spec.memoryBytes),
    args: [...spec.args],
    env: { ...spec.env },
    stdin: withStdin ? Buffer.from(spec.stdin, 'base64') : new Uint8Array(),
    walltime: { seconds, nanos },
    outputLimitBytes: BigInt(spec.outputLimitBytes),
    placementPolicy: spec.placementPolicy,
    ioPath: wireIoPath(spec.ioPath),
    ...wireIoShare(spec),
    priority: spec.priority,
    inputFiles: spec.inputFiles.map(({ path, size, chunks }) => ({ path, size: BigInt(size), chunks: [...chunks] })),
    onNodeLoss: spec.onNodeLoss === 'requeue' ? jobv1.NodeLossPolicy.REQUEUE : jobv1.NodeLossPolicy.FAIL,
    maxRequeues: spec.maxRequeues ?? 0,
    restartFrom: spec.restartFrom ?? '',
    ...((spec.checkpointEveryMs ?? 0) > 0 && { checkpointEvery: durationFromMs(spec.checkpointEveryMs ?? 0) }),
  });
}

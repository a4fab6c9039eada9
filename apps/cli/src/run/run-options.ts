/** The options that describe a job, the same for run and submit, and the specification that they make. */
import { basename, extname } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { jobv1 } from '@verbena/contracts';
import { usageError } from '../errors.ts';
import { parseBytes, parseCount, parseRate, parseSeconds } from '../terminal/units.ts';
import { addRequeueOptions, requeuePolicy, type RequeueOptions } from './requeue-options.ts';

export interface JobOptions extends RequeueOptions {
  readonly processes: number;
  readonly vms?: number;
  readonly mem?: number;
  readonly time?: number;
  readonly name?: string;
  readonly image?: string;
  readonly env?: readonly string[];
  readonly input?: readonly string[];
  readonly require?: readonly string[];
  readonly outputLimit?: number;
  readonly policy?: string;
  readonly io?: jobv1.IoPath;
  readonly ioWeight?: number;
  /** Bytes a second. */
  readonly ioRate?: number;
  readonly priority?: number;
  /** Whether the MPI library looks for mistakes. */
  readonly check?: boolean;
  /** Whether it counts messages and times calls, for "verbena job mpi". */
  readonly traceMpi?: boolean;
  /** A file with rows for the library's table of collective algorithms. */
  readonly mpiTuning?: string;
  /** Seconds between checkpoints. */
  readonly checkpointEvery?: number;
}

const collectValues = (value: string, before: string[] = []): string[] => [...before, value];

function parsePriority(text: string): number {
  if (!/^-?\d{1,6}$/.test(text)) throw usageError(`--priority wants a whole number, not "${text}"`);
  return Number(text);
}

const { IoPath } = jobv1;
export const ioPaths: Readonly<Record<string, jobv1.IoPath>> = {
  bypass: IoPath.BYPASS,
  native: IoPath.NATIVE,
  vmm: IoPath.VMM,
  split: IoPath.SPLIT,
  ethernet: IoPath.ETHERNET,
  sriov: IoPath.SRIOV,
  ivc: IoPath.IVC,
};
const ioPathNames = Object.keys(ioPaths);

function parseIoPath(text: string): jobv1.IoPath {
  const path = ioPaths[text];
  if (path === undefined) throw usageError(`--io wants one of ${ioPathNames.join(', ')}, not "${text}"`);
  return path;
}

export function addJobOptions(command: Command): Command {
  const described = command
    .option('-n, --processes <count>', 'number of MPI processes, each in a VM of its own', parseCount('-n', 1, 4096), 1)
    .option('--image <ref>', 'run an image of the catalogue: name, name:version or sha256:...')
    .option('--mem <size>', 'memory of each VM, for example 512M', parseBytes)
    .option('--time <duration>', 'end the job after this time, for example 10m', parseSeconds)
    .option('--name <name>', 'name of the job; the name of the program otherwise')
    .option('--env <name=value>', 'set a variable for the program; without a value, pass ours on (repeatable)', collectValues)
    .option('--input <file>', 'put a file into the working directory of every rank (repeatable; file=name renames it)', collectValues)
    .option('--require <label=value>', 'run only with an image that carries this label (repeatable)', collectValues)
    .option('--output-limit <size>', 'end the job when a rank has written more than this', parseBytes)
    .option('--policy <name>', 'placement policy')
    .option('--io <path>', `how the VMs reach the adapter: ${ioPathNames.join(', ')}`, parseIoPath)
    .option(
      '--io-weight <weight>',
      'what each VM gets of its host’s port beside others, 1 to 255; users may ask for up to 4',
      parseCount('--io-weight', 1, 255),
    )
    .option('--io-rate <size>', 'most bytes that each VM sends in a second', parseRate('--io-rate'))
    .option('--check', 'look for mistakes: handles left, overlapping buffers, ranks that disagree; sources are compiled with call sites')
    .option('--trace-mpi', 'record who sends how much to whom, and the time of MPI calls; "verbena job mpi" shows it')
    .option('--mpi-tuning <file>', 'algorithms of collectives to use before the built-in ones, as "verbena bench tune" writes them')
    .option('--priority <number>', 'higher goes first', parsePriority);
  return addRequeueOptions(described).option(
    '--checkpoint-every <duration>',
    'save the job so often while it runs, for example 30s',
    parseSeconds,
  );
}

/** "A=1" pairs as an object. */
export function parsePairs(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw usageError(`${option} wants name=value, not "${pair}"`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Variables for the program: "A=1" sets one, "A" passes our own on, if there is one. */
export function programEnvironment(given: readonly string[], own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = given.flatMap((text) => {
    if (text.includes('=')) return [text];
    return own[text] === undefined ? [] : [`${text}=${own[text]}`];
  });
  return parsePairs('--env', pairs);
}

/** What a job is called when nobody says: its first source file or image without extension, in characters that need no quoting. */
export function jobName(options: JobOptions, sources: readonly string[]): string {
  const first = sources.find((word) => !word.startsWith('-'));
  const base = options.name ?? (first ? basename(first, extname(first)) : (options.image ?? 'job'));
  return base.slice(0, 60);
}

/** Flags for the compiler that the job's options ask for. */
export const compilerFlags = ({ check }: JobOptions): string[] => (check ? ['-DVERBENA_CHECK'] : []);

/** Variables that make the MPI library do what the job's options ask for. */
const ownVariables = ({ check, traceMpi }: JobOptions): string[] => [
  ...(check ? ['VERBENA_CHECK=1'] : []),
  ...(traceMpi ? ['VERBENA_TRACE_MPI=1'] : []),
];

export interface SpecParts {
  readonly options: JobOptions;
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Uint8Array;
  readonly inputFiles: readonly jobv1.InputFile[];
}

export function jobSpec({ options, name, image, args, env, stdin, inputFiles }: SpecParts): jobv1.JobSpec {
  return create(jobv1.JobSpecSchema, {
    name,
    image,
    processes: options.processes,
    memoryBytes: BigInt(options.mem ?? 0),
    args: [...args],
    env: programEnvironment([...(options.env ?? []), ...ownVariables(options)], env),
    stdin,
    outputLimitBytes: BigInt(options.outputLimit ?? 0),
    placementPolicy: options.policy ?? '',
    priority: options.priority ?? 0,
    ioPath: options.io ?? jobv1.IoPath.UNSPECIFIED,
    ioWeight: options.ioWeight ?? 0,
    ioBytesPerSecond: BigInt(options.ioRate ?? 0),
    inputFiles: [...inputFiles],
    ...requeuePolicy(options),
    ...(options.checkpointEvery !== undefined && { checkpointEvery: durationFromMs(options.checkpointEvery * 1000) }),
    requirements: { labels: parsePairs('--require', options.require ?? []) },
    ...(options.time === undefined ? {} : { walltime: durationFromMs(options.time * 1000) }),
  });
}

/** Whether something that came from elsewhere has the fields of a ProgramState, each of its type. What they say is checked in check-state.ts. */
import type { World } from '../port.ts';
import type { OpenFile, ProgramState, SuspendedCall } from '../suspended.ts';
import { noTraffic } from './adapter-binding.ts';

type Is = (value: unknown) => boolean;

const isText: Is = (value) => typeof value === 'string';
const isCount: Is = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isWord: Is = (value) => Number.isInteger(value) && Number(value) >= -(2 ** 31) && Number(value) < 2 ** 32;
const isNumber: Is = (value) => typeof value === 'number' && Number.isFinite(value);
const isLong: Is = (value) => typeof value === 'bigint';
const isFlag: Is = (value) => typeof value === 'boolean';
const isBytes: Is = (value) => value instanceof Uint8Array;
const listOf =
  (each: Is): Is =>
  (value) =>
    Array.isArray(value) && value.every(each);
const recordOf =
  (each: Is): Is =>
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(each);
const shapeOf =
  <T>(shape: { readonly [K in keyof Required<T>]: Is }): Is =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries<Is>(shape).every(([name, is]) => is((value as Record<string, unknown>)[name]));

const isPath = listOf(isText);
const oneOf =
  (...values: readonly unknown[]): Is =>
  (value) =>
    values.includes(value);

const descriptor = { fd: isCount, flags: isCount };
type Kept<K> = Extract<OpenFile, { readonly kind: K }>;
const isFile = shapeOf<Kept<'file'>>({
  ...{ ...descriptor, kind: oneOf('file'), place: oneOf('scratch', 'temporary'), path: isPath },
  ...{ offset: isCount, read: isFlag, write: isFlag, unlinked: isFlag },
});
const isDirectory = shapeOf<Kept<'directory'>>({ ...descriptor, kind: oneOf('directory'), path: isPath });
const isImage = shapeOf<Kept<'image'>>({ ...descriptor, kind: oneOf('image'), path: isPath, offset: isCount });
const isDevice = shapeOf<Kept<'device'>>({ ...descriptor, kind: oneOf('device'), name: isText });

const isCall = shapeOf<SuspendedCall>({
  kind: oneOf('hypercall', 'poll'),
  nr: isCount,
  args: (value) => listOf(isWord)(value) && (value as unknown[]).length === 4,
  begunNs: isLong,
});

const isWorld = shapeOf<World>({
  ...{ first: isCount, size: isCount, firstSize: isCount, appNumber: isCount, universe: isCount },
  parent: (value) => value === undefined || isCount(value),
});

const fields: { readonly [K in keyof Required<ProgramState>]: Is } = {
  ...{ imageDigest: isText, jobId: isText, rank: isCount, size: isCount, pkey: isCount, jobSeed: isLong },
  world: (value) => value === undefined || isWorld(value),
  ...{ args: listOf(isText), env: recordOf(isText), scratchBytes: isCount, outputLimitBytes: isCount, ioPath: isText },
  ...{ memoryBytes: isCount, memoryLimitBytes: isCount, globals: recordOf(isWord), stackRecord: isCount, call: isCall },
  ...{ monotonicNs: isLong, cpuNs: isLong, stdin: isBytes },
  files: listOf((file) => isFile(file) || isDirectory(file) || isImage(file) || isDevice(file)),
  ...{ rendezvous: isCount, counters: recordOf(isNumber), outOfMemory: isFlag },
  traffic: (value) => recordOf(isNumber)(value) && Object.keys(noTraffic).every((name) => Object.hasOwn(value as object, name)),
};

/** The names of the fields that are missing or of another type; none for a state. */
export function misshapen(state: object): string[] {
  return Object.entries(fields)
    .filter(([name, is]) => !is((state as Record<string, unknown>)[name]))
    .map(([name]) => name);
}

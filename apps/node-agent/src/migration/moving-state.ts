/** What goes with a program beside the driver's state: the node-agent's own part, checked where it arrives. */
import type { ProgramFile, ProgramState } from '@verbena/hypervisor';
import { isInside } from '../jobs/scratch.ts';
import { decodeState, encodeState } from './state-json.ts';
import { BadFrame } from './frames.ts';

export interface MovingState {
  readonly program: ProgramState;
  /** It stands at its safepoint, and goes on when it is released; one that has no channels is suspended wherever it blocks. */
  readonly atSafepoint: boolean;
  /** Bytes of output that are in storage already. */
  readonly output: { readonly stdout: bigint; readonly stderr: bigint };
  /** Input files as they were written, see prepareScratch. */
  readonly inputs: readonly (readonly [path: string, signature: string])[];
}

export type FileEntry = Omit<ProgramFile, 'content'>;

const mostInputs = 10_000;
const largestFile = 2 ** 40;

export function encodeMoving(state: MovingState): Uint8Array {
  return encodeState(state);
}

/** @throws {BadFrame} when it is not of this VM, or not of this shape */
export function decodeMoving(
  bytes: Uint8Array,
  of: { readonly imageDigest: string; readonly jobId: string; readonly rank: number },
): MovingState {
  const state = decodeState(bytes) as Partial<MovingState> | null;
  const program = state?.program as Partial<ProgramState> | undefined;
  if (program === undefined || program.imageDigest !== of.imageDigest || program.jobId !== of.jobId || program.rank !== of.rank)
    throw new BadFrame(`the state is not of rank ${String(of.rank)} of ${of.jobId}`);
  for (const number of [program.size, program.pkey, program.memoryBytes, program.scratchBytes, program.outputLimitBytes])
    if (!Number.isSafeInteger(number) || Number(number) < 0) throw new BadFrame('the state has no sizes');
  const { args, env } = program;
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === 'string')) throw new BadFrame('the state has no arguments');
  if (typeof env !== 'object' || !Object.values(env).every((value) => typeof value === 'string'))
    throw new BadFrame('the state has no environment');
  const { stdout, stderr } = state?.output ?? {};
  if (typeof stdout !== 'bigint' || typeof stderr !== 'bigint' || stdout < 0n || stderr < 0n)
    throw new BadFrame('the state has no output positions');
  if (typeof state?.atSafepoint !== 'boolean') throw new BadFrame('the state does not say where the program stands');
  const inputs = state.inputs;
  const isInput = (input: unknown): boolean => Array.isArray(input) && typeof input[0] === 'string' && typeof input[1] === 'string';
  if (!Array.isArray(inputs) || inputs.length > mostInputs || !inputs.every(isInput))
    throw new BadFrame('the state has no list of input files');
  return state as MovingState;
}

export function encodeEntry({ place, path, kind, size, modifiedMs }: FileEntry): Uint8Array {
  return encodeState({ place, path, kind, size, modifiedMs });
}

/** @throws {BadFrame} */
export function decodeEntry(bytes: Uint8Array): FileEntry {
  const entry = decodeState(bytes) as Partial<FileEntry> | null;
  const { place, path, kind, size, modifiedMs } = entry ?? {};
  const placed = place === 'scratch' || place === 'temporary';
  const named =
    Array.isArray(path) && path.length > 0 && path.every((part) => typeof part === 'string' && !part.includes('/') && isInside(part));
  if (!placed || !named || (kind !== 'file' && kind !== 'directory')) throw new BadFrame('a file of the program has no proper name');
  if (!Number.isSafeInteger(size) || Number(size) < 0 || Number(size) > largestFile || typeof modifiedMs !== 'number')
    throw new BadFrame('a file of the program has no size');
  return { place, path: path as readonly string[], kind, size: Number(size), modifiedMs };
}

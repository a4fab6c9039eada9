/** Why a program ended, when its end has a deeper reason: a null pointer, memory that ran out, or MPI left without MPI_Finalize. */
import { statusPage, VB_MPI_INITIALIZED, VB_STATUS_PAGE_ADDR } from '@verbena/guest-abi';
import { word, type ControlBlock } from './control-block.ts';
import { STACK_OVERFLOW } from './crash-report.ts';
import type { GuestMemory } from './guest-memory.ts';
import { nullWrite, nullWriteReport } from './null-zone.ts';
import { EXIT_TRAPPED, type ProgramOutcome } from './program-end.ts';

/** What is known of a program that has ended, or is to be ended. */
export interface Remains {
  readonly rank: number;
  readonly memory: GuestMemory;
  readonly control: ControlBlock;
  readonly memoryLimitBytes: number;
}

/** How near to its limit a guest's memory must be for a failure to count as want of memory: what a large allocation leaves unused. */
const nearLimitBytes = 16 * 1024 * 1024;

export function judged(ended: ProgramOutcome, remains: Remains): ProgramOutcome {
  if (ended.cause !== 'exited' && ended.cause !== 'trapped') return ended;
  const outcome = withNullWrite(ended, remains);
  if ((outcome.cause === 'trapped' || outcome.exitCode !== 0) && outOfMemory(remains)) return wantOfMemory(outcome, remains);
  const mpiState = remains.memory.u32(VB_STATUS_PAGE_ADDR + statusPage.offsets.mpi_state);
  return outcome.cause === 'exited' && mpiState === VB_MPI_INITIALIZED ? { ...outcome, cause: 'no-finalize' } : outcome;
}

/** A program that wrote through a null pointer has not ended well, whatever it says itself. */
function withNullWrite(outcome: ProgramOutcome, { rank, memory }: Remains): ProgramOutcome {
  const address = outcome.detail.includes(STACK_OVERFLOW) ? undefined : nullWrite(memory.memory);
  if (address === undefined) return outcome;
  return { cause: 'trapped', exitCode: EXIT_TRAPPED, detail: joined(nullWriteReport(rank, address), outcome.detail) };
}

function outOfMemory({ memory, control, memoryLimitBytes }: Remains): boolean {
  return control.load(word.outOfMemory) === 1 || memory.byteLength + Math.min(nearLimitBytes, memoryLimitBytes / 8) > memoryLimitBytes;
}

function wantOfMemory({ exitCode, detail }: ProgramOutcome, { rank, memory, memoryLimitBytes }: Remains): ProgramOutcome {
  const used =
    `rank ${String(rank)} ran out of memory: its limit is ${mebibytes(memoryLimitBytes)}, ` + `${mebibytes(memory.byteLength)} were in use`;
  return { cause: 'out-of-memory', exitCode: exitCode === 0 ? EXIT_TRAPPED : exitCode, detail: joined(used, detail) };
}

const joined = (first: string, rest: string): string => (rest === '' ? first : `${first}\n${rest}`);
const mebibytes = (bytes: number): string => `${String(Math.round(bytes / 2 ** 20))} MiB`;

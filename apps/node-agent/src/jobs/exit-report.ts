/** How a program's end in a domain becomes the report that the scheduler is given. */
import { jobv1 } from '@verbena/contracts';
import type { DomainCounters, ExitCause, ProgramExit, RunningProgram } from '@verbena/hypervisor';
import { messageOf } from '../errors.ts';

const { EndCause } = jobv1;

const causes: Readonly<Record<Exclude<ExitCause, 'exited'>, jobv1.EndCause>> = {
  trapped: EndCause.TRAPPED,
  'mpi-abort': EndCause.MPI_ABORT,
  'no-finalize': EndCause.NO_FINALIZE,
  'output-limit': EndCause.OUTPUT_LIMIT,
  'out-of-memory': EndCause.OUT_OF_MEMORY,
  // The scheduler asked for it, and knows why better than the node does.
  killed: EndCause.CANCELLED,
  internal: EndCause.INTERNAL,
  // Reported by the node where the rank goes on; here only when nobody takes it.
  moved: EndCause.CANCELLED,
};

export interface RankExitReport {
  readonly cause: jobv1.EndCause;
  readonly exitCode: number;
  readonly detail: string;
  readonly bytesSent: bigint;
  readonly messagesSent: bigint;
  readonly vmmOperations: bigint;
  readonly dataPathVmmOperations: bigint;
  readonly cpuSeconds: number;
  readonly memoryBytesUsed: bigint;
  readonly outputFiles: number;
  readonly io: {
    readonly driverDomainOperations: bigint;
    readonly adapterOperations: bigint;
    readonly copiedBytes: bigint;
    readonly channelMessages: bigint;
    readonly channelBytes: bigint;
    readonly networkFrames: bigint;
    readonly networkBytes: bigint;
    readonly seconds: Readonly<Record<string, number>>;
  };
}

export function endCause(exit: Pick<ProgramExit, 'cause' | 'exitCode'>): jobv1.EndCause {
  if (exit.cause === 'exited') return exit.exitCode === 0 ? EndCause.EXITED : EndCause.EXIT_NONZERO;
  return causes[exit.cause];
}

const detailLimit = 16 * 1024;

export function rankExitReport(exit: ProgramExit, outputFiles: number, note: string): RankExitReport {
  const detail = [exit.detail, note].filter((text) => text !== '').join('\n');
  return {
    cause: endCause(exit),
    exitCode: exit.exitCode,
    detail: detail.length > detailLimit ? `${detail.slice(0, detailLimit)}\n[cut after ${String(detailLimit)} characters]` : detail,
    bytesSent: count(exit.counters.bytesSent),
    messagesSent: count(exit.counters.messagesSent),
    vmmOperations: count(exit.counters.vmmOperations),
    dataPathVmmOperations: count(exit.counters.dataPathVmmOperations),
    cpuSeconds: exit.counters.cpuSeconds,
    memoryBytesUsed: count(exit.counters.memoryBytes),
    outputFiles,
    io: {
      driverDomainOperations: count(exit.counters.driverDomainOperations),
      adapterOperations: count(exit.counters.doorbells),
      copiedBytes: count(exit.counters.copiedBytes),
      channelMessages: count(exit.counters.channelMessages),
      channelBytes: count(exit.counters.channelBytes),
      networkFrames: count(exit.counters.networkFrames),
      networkBytes: count(exit.counters.networkBytes),
      seconds: { ...exit.counters.seconds },
    },
  };
}

/** Counters come in part from guest memory: whatever is no count is shown as 0. */
function count(value: number): bigint {
  return Number.isFinite(value) && value > 0 ? BigInt(Math.trunc(value)) : 0n;
}

/** How a rank ended, in a few words, for the others that wait for it. */
export function inWords(exit: Pick<ProgramExit, 'cause' | 'exitCode'>): string {
  return exit.cause === 'exited' ? `exited with code ${String(exit.exitCode)}` : `ended (${exit.cause})`;
}

export const noCounters: DomainCounters = {
  hypercalls: {},
  vmmOperations: 0,
  dataPathVmmOperations: 0,
  doorbells: 0,
  messagesSent: 0,
  bytesSent: 0,
  messagesReceived: 0,
  bytesReceived: 0,
  memoryBytes: 0,
  cpuSeconds: 0,
  outputBytes: 0,
  driverDomainOperations: 0,
  copiedBytes: 0,
  channelMessages: 0,
  channelBytes: 0,
  networkFrames: 0,
  networkBytes: 0,
  seconds: {},
};

/** How a program ended; never rejects. */
export async function exitOf(program: RunningProgram | undefined): Promise<ProgramExit> {
  try {
    if (program === undefined) throw new Error('the program was never started');
    return await program.exit;
  } catch (error) {
    return { cause: 'internal', exitCode: 70, detail: `the hypervisor failed: ${messageOf(error)}`, counters: noCounters };
  }
}

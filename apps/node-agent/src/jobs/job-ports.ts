/** What a job's run asks of storage and scheduler, with the deadlines and repetitions of each call in one place. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { jobv1, storagev1 } from '@verbena/contracts';
import type { SpawnAnswer, SpawnRequest } from '@verbena/hypervisor';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import type { Logger } from 'pino';
import { snapshotPort, type SnapshotPort } from '../checkpoint/snapshot-port.ts';
import { persistently, unlessRefused, type RetryOptions } from '../retry.ts';
import { outputStreams, type OutputPiece } from './output-pump.ts';
import type { KeptFile } from './scratch.ts';

export type Report = MessageInitShape<typeof jobv1.RankReportSchema>;

/** One start of a job: what is told of it counts for this start only. */
export interface JobAttempt {
  readonly jobId: string;
  readonly attempt: number;
}

/** A rank's n-th request for more ranks, from 1. */
export interface SpawnAsked {
  readonly rank: number;
  readonly number: number;
  readonly request: SpawnRequest;
}

export interface JobPorts {
  readonly snapshots: SnapshotPort;
  readonly clock: Clock;
  /** Aborts when the node-agent gives up all work. */
  readonly signal: AbortSignal;
  appendOutput(job: JobAttempt, pieces: readonly OutputPiece[]): Promise<void>;
  rendezvous(
    job: JobAttempt,
    generation: number,
    cards: ReadonlyMap<number, Uint8Array>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Uint8Array>>;
  /** Resolves when the job has more ranks, or is refused them. Repeated while the scheduler is away. */
  spawn(job: JobAttempt, asked: SpawnAsked, signal: AbortSignal): Promise<SpawnAnswer>;
  getChunk(digest: string): Promise<Uint8Array>;
  putChunk(digest: string, data: Uint8Array): Promise<void>;
  putFile(file: KeptFile & { readonly jobId: string; readonly attempt: number; readonly rank: number }): Promise<void>;
  /** Repeated until the scheduler has taken it, however long it is away. */
  report(job: JobAttempt, reports: readonly Report[]): Promise<void>;
  /** One try. */
  reportOnce(job: JobAttempt, reports: readonly Report[]): Promise<void>;
}

export interface JobPortsOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeId: string;
  readonly signal: AbortSignal;
}

const callMs = 10_000;
const rendezvousCallMs = 20_000;
/** An image may have to be brought and VMs to be booted first. */
const spawnCallMs = 180_000;
const spawnWithinMs = 600_000;
/** Storage may be away for long: guests wait for their output then, and the job's walltime bounds it. */
const storageWithinMs = 24 * 3_600_000;
/** A rendezvous ends with its job; this only bounds what a lost scheduler could leave behind. */
const rendezvousWithinMs = 24 * 3_600_000;

export function jobPorts({ bus, clock, log, nodeId, signal }: JobPortsOptions): JobPorts {
  const jobs = bus.client(jobv1.JobService);
  const output = bus.client(storagev1.OutputService);
  const chunks = bus.client(storagev1.ChunkService);
  const within = (withinMs: number, what: string): RetryOptions => ({
    clock,
    signal,
    withinMs,
    onRetry: (error, attempt) => {
      if (attempt === 5) log.warn({ what, error: error.message }, 'a call does not get through, and is repeated');
    },
  });
  return {
    snapshots: snapshotPort({ bus, clock, signal }),
    clock,
    signal,
    async appendOutput({ jobId, attempt }, pieces) {
      const request = {
        jobId,
        attempt,
        pieces: pieces.map(({ rank, stream, offset, data }) => ({ rank, stream: outputStreams[stream], offset, data })),
      };
      await persistently(within(storageWithinMs, 'AppendOutput'), () => output.appendOutput(request, { timeoutMs: callMs }));
    },
    async rendezvous({ jobId, attempt }, generation, cards, stop) {
      const request = { jobId, attempt, nodeId, generation, cards: Object.fromEntries(cards) };
      const either = AbortSignal.any([signal, stop]);
      const options = { ...within(rendezvousWithinMs, 'Rendezvous'), signal: either };
      const response = await persistently(options, () => jobs.rendezvous(request, { timeoutMs: rendezvousCallMs, signal: either }));
      return new Map(Object.entries(response.cards).map(([rank, card]) => [Number(rank), card]));
    },
    async spawn({ jobId, attempt }, { rank, number, request }, stop) {
      const commands = request.map(({ program, args, most, soft, host }) => ({ program, args: [...args], most, soft, host }));
      const either = AbortSignal.any([signal, stop]);
      const options = { ...within(spawnWithinMs, 'SpawnRanks'), signal: either };
      const ask = { jobId, attempt, nodeId, rank, number, commands };
      const { answer } = await persistently(options, () => jobs.spawnRanks(ask, { timeoutMs: spawnCallMs, signal: either }));
      if (answer.case === 'first') return { kind: 'granted', first: answer.value };
      if (answer.case === 'free') return { kind: 'no-cores', free: answer.value };
      if (answer.case === 'unknownProgram') return { kind: 'no-program', command: answer.value };
      log.info({ job: jobId, rank, reason: answer.value }, 'a job gets no more ranks');
      return { kind: 'refused' };
    },
    async getChunk(digest) {
      const response = await persistently(within(storageWithinMs, 'GetChunk'), () => chunks.getChunk({ digest }, { timeoutMs: callMs }));
      return response.data;
    },
    async putChunk(digest, data) {
      await persistently(within(storageWithinMs, 'PutChunk'), () => chunks.putChunk({ digest, data }, { timeoutMs: callMs }));
    },
    async putFile(file) {
      const request = { file: create(storagev1.OutputFileSchema, { ...file, chunks: [...file.chunks] }) };
      await persistently(within(storageWithinMs, 'PutFile'), () => output.putFile(request, { timeoutMs: callMs }));
    },
    async report({ jobId, attempt }, reports) {
      const options = { ...within(Infinity, 'ReportRank'), worthwhile: unlessRefused };
      await persistently(options, () => jobs.reportRank({ jobId, attempt, nodeId, reports: [...reports] }, { timeoutMs: callMs }));
    },
    async reportOnce({ jobId, attempt }, reports) {
      await jobs.reportRank({ jobId, attempt, nodeId, reports: [...reports] }, { timeoutMs: callMs });
    },
  };
}

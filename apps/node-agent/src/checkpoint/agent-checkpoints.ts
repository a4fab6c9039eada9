/**
 * This node's part in the checkpoints of jobs. All of its ranks stand still, are captured, and go on together with those of other nodes; then what was
 * captured is stored while they run.
 *
 *   standing --capture--> captured --go on--> running --store--> stored        drop: from anywhere
 *      |                     |
 *      +--- not heard of ----+---> alone: the ranks run, and what was captured counts no more
 *
 * A cut through a job holds only if nobody went on before everybody had been captured. So ranks that went on by themselves, because the controller was not
 * heard of, say so when they are told to go on, and the checkpoint fails.
 */
import { join } from 'node:path';
import type { migrationv1 } from '@verbena/contracts';
import type { Clock } from '@verbena/service-kit';
import { messageOf, Refusal } from '../errors.ts';
import type { JobRun, Rank } from '../jobs/job-run.ts';
import { hasChannels, programOf } from '../migration/agent-migrations.ts';
import { SavedRank, type Saved } from './saved-rank.ts';
import type { SnapshotPort } from './snapshot-port.ts';

/** What of a job's run here has to do with checkpoints. */
export interface SavableRun extends Pick<JobRun, 'jobId' | 'attempt' | 'quiet' | 'rooted' | 'writtenBy' | 'keptUpTo'> {
  ranks(): readonly Pick<Rank, 'rank' | 'vm' | 'program' | 'inputs'>[];
}

export interface CheckpointParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly jobs: { run(jobId: string, attempt: number): SavableRun | undefined };
  readonly snapshots: SnapshotPort;
  readonly spoolRoot: string;
  /** Why the ranks of a job cannot stand still now: they do so for something else. */
  readonly busy: (jobId: string) => string | undefined;
  readonly signal: AbortSignal;
}

interface Session {
  readonly checkpointId: string;
  readonly jobId: string;
  readonly run: SavableRun;
  readonly epoch: number;
  stage: 'standing' | 'captured' | 'running' | 'alone';
  /** By rank: when it stood, in monotonic milliseconds, and then for how long. */
  readonly since: Map<number, number>;
  readonly stood: Map<number, number>;
  /** When the controller was last heard of; it is there while a call of it is under way. */
  heard: number;
  calls: number;
  ranks?: Promise<readonly number[]>;
  captured?: Promise<readonly number[]>;
  stored: Promise<readonly (Saved & { readonly rank: number })[]> | undefined;
}

/** For so long ranks stand for a controller that is not heard of. */
export const patienceMs = 30_000;
const everyMs = 1_000;
/** Output that is not in storage by then fails the checkpoint. */
const outputMs = 20_000;

export class AgentCheckpoints {
  readonly #parts: CheckpointParts;
  readonly #sessions = new Map<string, Session>();
  /** By run: what the next checkpoint builds on. */
  readonly #saved = new Map<SavableRun, Map<number, SavedRank>>();

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /** @returns the ranks that stand here. @throws {Refusal} when one does not stop its channels in time; all go on then */
  standStill({ checkpointId, jobId, attempt, epoch }: migrationv1.StandStillRequest, timeoutMs: number): Promise<readonly number[]> {
    const known = this.#sessions.get(checkpointId);
    if (known?.ranks !== undefined) return this.#hearing(known, known.ranks);
    const { jobs, nodeId, busy } = this.#parts;
    const run = jobs.run(jobId, attempt);
    if (run === undefined) throw new Refusal('not-here', `attempt ${String(attempt)} of ${jobId} does not run on ${nodeId}`);
    const other = [...this.#sessions.values()].find((session) => session.jobId === jobId && this.#isUnderWay(session));
    const why = other === undefined ? (busy(jobId) ?? run.rooted) : `checkpoint ${other.checkpointId} is being taken`;
    if (why !== undefined) throw new Refusal('vm-busy', `the ranks of ${jobId} cannot stand still: ${why}`);
    const session: Session = {
      ...{ checkpointId, jobId, run, epoch, stage: 'standing', since: new Map(), stood: new Map() },
      ...{ heard: this.#now(), calls: 0, stored: undefined },
    };
    this.#sessions.set(checkpointId, session);
    session.ranks = this.#standStill(session, timeoutMs);
    session.ranks.catch(() => this.#sessions.delete(checkpointId));
    return this.#hearing(session, session.ranks);
  }

  /** Whether the ranks of a job stand still here, to be saved. */
  savesNow(jobId: string): boolean {
    return [...this.#sessions.values()].some(
      (session) => session.jobId === jobId && (session.stage === 'standing' || session.stage === 'captured'),
    );
  }

  /** Captures all ranks here. @throws {Refusal} when they do not stand any more */
  capture(checkpointId: string, base: string): Promise<readonly number[]> {
    const session = this.#session(checkpointId);
    if (session.stage === 'alone') throw new Refusal('not-here', wentOnAlone(session));
    session.captured ??= this.#capture(session, base);
    return this.#hearing(session, session.captured);
  }

  /** Lets the ranks go on. @returns for how long each stood. @throws {Refusal} when they did so by themselves */
  goOn(checkpointId: string): ReadonlyMap<number, number> {
    const session = this.#session(checkpointId);
    if (session.stage === 'alone') throw new Refusal('not-here', wentOnAlone(session));
    if (session.stage !== 'running') this.#release(session, 'running');
    return session.stood;
  }

  /** Brings what was captured to storage. Again goes on where it failed. */
  store(checkpointId: string): Promise<readonly (Saved & { readonly rank: number })[]> {
    const session = this.#session(checkpointId);
    if (session.stage !== 'running')
      throw new Refusal('not-here', `the ranks of ${session.jobId} have not gone on from ${checkpointId} yet`);
    session.stored ??= this.#store(session).catch((error: unknown) => {
      session.stored = undefined;
      throw error;
    });
    return this.#hearing(session, session.stored);
  }

  /** Lets go of everything but what the next checkpoint can build on. */
  async drop(checkpointId: string): Promise<void> {
    const session = this.#sessions.get(checkpointId);
    if (session === undefined) return;
    this.#sessions.delete(checkpointId);
    await session.ranks?.catch(() => undefined);
    await session.captured?.catch(() => undefined);
    if (session.stage === 'standing' || session.stage === 'captured') this.#release(session, 'running');
    await session.stored?.catch(() => undefined);
    for (const saved of this.#saved.get(session.run)?.values() ?? []) await saved.drop();
  }

  /** Looks after what is left alone until the signal aborts. Never rejects. */
  async lookAfter(): Promise<void> {
    const { clock, signal } = this.#parts;
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal).catch(() => undefined);
      await this.settle(this.#now() - patienceMs);
    }
  }

  /** Lets ranks go on whose controller has not been heard of since then, in monotonic milliseconds; forgets runs that are over. */
  async settle(since: number): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      const stands = session.stage === 'standing' || session.stage === 'captured';
      if (stands && session.calls === 0 && session.heard < since) this.#release(session, 'alone');
      if (this.#isOver(session.run)) await this.drop(session.checkpointId);
    }
    for (const [run, ranks] of [...this.#saved]) {
      if (!this.#isOver(run)) continue;
      this.#saved.delete(run);
      for (const saved of ranks.values()) await saved.drop();
    }
  }

  async #standStill(session: Session, timeoutMs: number): Promise<readonly number[]> {
    const { run, epoch, jobId, since } = session;
    const ranks = run.ranks();
    run.quiet = true;
    const results = await Promise.allSettled(
      ranks.map(async ({ rank, vm, program }) => {
        // Without MPI there are no channels; such a program is suspended wherever it blocks.
        if (hasChannels(vm)) await programOf(program).quiesce(epoch, { timeoutMs });
        since.set(rank, this.#now());
      }),
    );
    const failed = results.findIndex((result) => result.status === 'rejected');
    if (failed < 0) return ranks.map(({ rank }) => rank);
    this.#release(session, 'alone');
    const [reason = ''] = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
    throw new Refusal('not-movable', `rank ${String(ranks[failed]?.rank)} of ${jobId} does not stand still: ${reason}`);
  }

  async #capture(session: Session, base: string): Promise<readonly number[]> {
    const { run, checkpointId, jobId } = session;
    const { spoolRoot } = this.#parts;
    const ranks = run.ranks();
    const saved = this.#saved.get(run) ?? new Map<number, SavedRank>();
    this.#saved.set(run, saved);
    const results = await Promise.allSettled(
      ranks.map(({ rank, vm, program, inputs }) => {
        const one = saved.get(rank) ?? new SavedRank();
        saved.set(rank, one);
        const own = () => ({ atSafepoint: hasChannels(vm), output: run.writtenBy(rank), inputs: [...inputs] });
        return one.capture(programOf(program), own, base, join(spoolRoot, checkpointId, String(rank)));
      }),
    );
    const failed = results.findIndex((result) => result.status === 'rejected');
    const [reason = ''] = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
    if (failed >= 0) throw new Refusal('not-movable', `rank ${String(ranks[failed]?.rank)} of ${jobId} cannot be saved: ${reason}`);
    session.stage = 'captured';
    return ranks.map(({ rank }) => rank);
  }

  async #store({ run, checkpointId }: Session): Promise<readonly (Saved & { readonly rank: number })[]> {
    const all: (Saved & { readonly rank: number })[] = [];
    for (const [rank, saved] of this.#saved.get(run) ?? []) {
      const { output } = saved;
      if (output === undefined) throw new Refusal('not-here', `rank ${String(rank)} was not captured for ${checkpointId}`);
      await this.#inTime(run.keptUpTo(rank, output), `what rank ${String(rank)} has written is not in storage`);
      all.push({ rank, ...(await saved.store(checkpointId, rank, this.#parts.snapshots)) });
    }
    for (const saved of this.#saved.get(run)?.values() ?? []) await saved.drop();
    return all;
  }

  #release(session: Session, stage: 'running' | 'alone'): void {
    const { run, epoch, since, stood } = session;
    for (const { rank, program } of run.ranks()) {
      program?.release(epoch, 'same');
      stood.set(rank, this.#now() - (since.get(rank) ?? this.#now()));
    }
    run.quiet = false;
    session.stage = stage;
  }

  #session(checkpointId: string): Session {
    const session = this.#sessions.get(checkpointId);
    if (session === undefined) throw new Refusal('not-here', `${this.#parts.nodeId} knows nothing of checkpoint ${checkpointId}`);
    return session;
  }

  #isUnderWay({ stage, stored, calls }: Session): boolean {
    return stage === 'standing' || stage === 'captured' || (stage === 'running' && (stored === undefined || calls > 0));
  }

  #isOver(run: SavableRun): boolean {
    return this.#parts.jobs.run(run.jobId, run.attempt) !== run || run.ranks().length === 0;
  }

  /** The controller is there as long as it waits for an answer. */
  async #hearing<T>(session: Session, work: Promise<T>): Promise<T> {
    session.calls++;
    try {
      return await work;
    } finally {
      session.calls--;
      session.heard = this.#now();
    }
  }

  async #inTime(work: Promise<void>, what: string): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([over.signal, this.#parts.signal]);
    const late = this.#parts.clock.sleep(outputMs, either).then(() => {
      throw new Refusal('stopping', what);
    });
    late.catch(() => undefined);
    try {
      await Promise.race([work, late]);
    } finally {
      over.abort(new Error('it is there'));
    }
  }

  #now(): number {
    return this.#parts.clock.monotonic();
  }
}

function wentOnAlone({ jobId, checkpointId }: Session): string {
  return `the ranks of ${jobId} have gone on by themselves: nobody was heard of who takes ${checkpointId}`;
}

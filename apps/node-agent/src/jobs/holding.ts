/**
 * Ranks that stand still while their job gets more of them (MPI_Comm_spawn).
 *
 *   running --hold--> standing --grow--> running, and connecting anew with all ranks that there are
 *                        +-----free----> running as before; also when the scheduler is not heard of
 */
import type { RunningProgram } from '@verbena/hypervisor';
import type { Clock } from '@verbena/service-kit';
import { messageOf, Refusal } from '../errors.ts';
import { programOf } from '../migration/agent-migrations.ts';
import type { JobRun } from './job-run.ts';
import { localityOf, type JobGrowth, type JobStart } from './job-start.ts';
import type { JobTable } from './job-table.ts';
import type { Vm } from '../vms/vm-table.ts';

export interface HoldingParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly jobs: JobTable;
  /** Why the ranks of a job cannot stand still now: they do so for something else. */
  readonly busy: (jobId: string) => string | undefined;
  readonly signal: AbortSignal;
}

export interface Standing {
  readonly ranks: readonly number[];
  readonly rendezvous: number;
}

interface Held {
  readonly epoch: number;
  readonly run: JobRun;
  readonly programs: readonly RunningProgram[];
  readonly done: Promise<Standing>;
  readonly over: AbortController;
}

/** For so long ranks stand for a scheduler that is not heard of. */
const patienceMs = 60_000;

/** Not yet, or no more: then it has no channels to stop, or has taken them down. */
const usesMpi = ({ vm }: { readonly vm: Pick<Vm, 'domain'> }): boolean => vm.domain?.activity().mpiState === 'initialized';

export class Holding {
  readonly #parts: HoldingParts;
  readonly #held = new Map<string, Held>();

  constructor(parts: HoldingParts) {
    this.#parts = parts;
  }

  holds(jobId: string): boolean {
    return this.#held.has(jobId);
  }

  /** @returns those that stand here. @throws {Refusal} when one does not stop its channels in time; all go on then */
  hold(jobId: string, attempt: number, epoch: number, timeoutMs: number): Promise<Standing> {
    const known = this.#held.get(jobId);
    if (known?.epoch === epoch) return known.done;
    const { jobs, busy, nodeId } = this.#parts;
    const run = jobs.run(jobId, attempt);
    if (run === undefined) throw new Refusal('not-here', `attempt ${String(attempt)} of ${jobId} does not run on ${nodeId}`);
    const why = known === undefined ? busy(jobId) : 'they stand already';
    if (why !== undefined) throw new Refusal('vm-busy', `the ranks of ${jobId} cannot stand still: ${why}`);
    const ranks = run.ranks().filter(usesMpi);
    const programs = ranks.map(({ program }) => programOf(program));
    run.quiet = true;
    const stopped = Promise.allSettled(programs.map((program) => program.quiesce(epoch, { timeoutMs })));
    const done = stopped.then((results) => {
      const failed = results.findIndex(({ status }) => status === 'rejected');
      // One that was through with MPI by the time stands at a poll, and will not meet the others.
      if (failed < 0) return { ranks: ranks.filter(usesMpi).map(({ rank }) => rank), rendezvous: run.rendezvousMade };
      const [reason = ''] = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
      this.free(jobId, epoch);
      throw new Refusal('not-movable', `rank ${String(ranks[failed]?.rank)} of ${jobId} does not stand still: ${reason}`);
    });
    const held: Held = { epoch, run, programs, done, over: new AbortController() };
    this.#held.set(jobId, held);
    this.#parts.clock.sleep(timeoutMs + patienceMs, AbortSignal.any([held.over.signal, this.#parts.signal])).then(
      () => this.free(jobId, epoch),
      () => undefined,
    );
    return done;
  }

  /** Starts the new ranks that are to be here, and lets the others go on with them. @throws {Refusal} when they do not stand any more */
  async grow(start: JobStart, growth: JobGrowth, epoch: number): Promise<void> {
    const { jobs, nodeId } = this.#parts;
    const { jobId } = start;
    const held = this.#held.get(jobId);
    const standing = held?.epoch === epoch;
    const run = jobs.run(jobId, start.attempt);
    if (!standing && run !== undefined && run.ranks().length > 0)
      throw new Refusal('not-here', `the ranks of ${jobId} on ${nodeId} do not stand for epoch ${String(epoch)} any more`);
    await jobs.grow(start, growth);
    if (!standing) return;
    const { hosts } = localityOf(growth.nodesByRank, nodeId);
    for (const program of held.programs) {
      program.grow(growth.nodesByRank.length, hosts);
      program.release(epoch, 'new-adapter');
    }
    this.#forget(jobId, held);
  }

  /** Lets ranks go on as they were; those that do not stand are left alone. */
  free(jobId: string, epoch: number): void {
    const held = this.#held.get(jobId);
    if (held?.epoch !== epoch) return;
    for (const program of held.programs) program.release(epoch, 'same');
    this.#forget(jobId, held);
  }

  #forget(jobId: string, held: Held): void {
    held.over.abort();
    held.run.quiet = false;
    this.#held.delete(jobId);
  }
}

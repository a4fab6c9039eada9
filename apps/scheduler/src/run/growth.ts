/**
 * More ranks for a job that runs (MPI_Comm_spawn, docs/decisions/0022-spawned-processes.md).
 *
 *   grant --> bring up --> hold all ranks --> join --> grow on all nodes --> met
 *     |           |              |              from here on only forward: what cannot be done ends the job
 *     +-----------+--- withdraw -+
 *
 * Cores that a waiting job could use are not given away: while the queue is not empty there is no room.
 */
import type { jobv1 } from '@verbena/contracts';
import { grantedCounts, type Growth, type GrownCommand, type KnownJob } from '@verbena/domain-job';
import { assertWritten, type EventStore } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { suffix } from '@verbena/ids';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { JobRequest } from '../jobs/jobs.ts';
import { messageOf } from './failure.ts';
import { bringUp, evictFor, growOn, holdAll, takeBack } from './growth-steps.ts';
import { isNoMatch, matchImage } from './match.ts';
import type { RunPorts } from './ports.ts';
import { claimOf, placeMore, roomFor, type MoreVms } from './room.ts';

type Answer = MessageInitShape<typeof jobv1.SpawnRanksResponseSchema>;
const refused = (value: string): Answer => ({ answer: { case: 'refused', value } });

export interface GrowthParts extends RunPorts {
  readonly store: EventStore;
  readonly random: (bytes: number) => Uint8Array;
  /** Whether a VM of the job is being moved. */
  readonly moves: (job: KnownJob) => boolean;
}

/** A program that the submitter may not run, or that is not there. */
class UnknownProgram extends Error {
  override readonly name = 'UnknownProgram';
  readonly command: number;

  constructor(command: number) {
    super(`command ${command} names no program`);
    this.command = command;
  }
}

export class Growths {
  readonly #parts: GrowthParts;
  /** By request: a repeated call waits for the first one's answer. */
  readonly #asked = new Map<string, Promise<Answer>>();
  /** By job: one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(parts: GrowthParts) {
    this.#parts = parts;
  }

  /** Answers one request of a rank. Never rejects. */
  spawn(request: jobv1.SpawnRanksRequest): Promise<Answer> {
    const { jobId, attempt, rank, number } = request;
    const requestId = `${attempt}/${rank}/${number}`;
    const key = `${jobId}/${requestId}`;
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const turn = (this.#turns.get(jobId) ?? Promise.resolve()).then(() => this.#answer(request, requestId));
    this.#turns.set(jobId, turn);
    this.#asked.set(key, turn);
    void turn.finally(() => {
      this.#asked.delete(key);
      if (this.#turns.get(jobId) === turn) this.#turns.delete(jobId);
    });
    return turn;
  }

  /** What an earlier scheduler had begun is taken back, or ends its job: nobody knows how far its ranks had come. */
  async recover(): Promise<void> {
    const { jobs } = this.#parts;
    for (const { jobId, tenant, growing, grown } of jobs.live())
      await withCallContext({ actor: 'scheduler', tenant }, async () => {
        const reason = 'another scheduler took over while the job was getting more processes';
        if (growing !== undefined) await jobs.execute(jobId, [{ type: 'WithdrawRanks', data: { first: growing.first, reason } }]);
        if (grown.some(({ met }) => !met)) await jobs.execute(jobId, [{ type: 'EndJob', data: { cause: 'internal', reason } }]);
      });
  }

  async #answer(request: jobv1.SpawnRanksRequest, requestId: string): Promise<Answer> {
    const { jobs, log, queue } = this.#parts;
    const { jobId, attempt } = request;
    const job = jobs.known(jobId);
    if (job === undefined || job.status !== 'running' || job.starts !== attempt) return refused(`job ${jobId} does not run`);
    const before = job.grown.find((growth) => growth.requestId === requestId);
    if (before !== undefined) return { answer: { case: 'first', value: before.first } };
    if (this.#parts.moves(job)) return refused('a VM of the job is being moved');
    try {
      return await withCallContext({ actor: 'scheduler', tenant: job.tenant }, () => this.#grow(job, request, requestId));
    } catch (error) {
      if (error instanceof UnknownProgram) return { answer: { case: 'unknownProgram', value: error.command } };
      log.warn({ err: error, job: jobId }, 'a job gets no more ranks');
      return refused(messageOf(error));
    } finally {
      queue.kick();
    }
  }

  async #grow(job: KnownJob, request: jobv1.SpawnRanksRequest, requestId: string): Promise<Answer> {
    const { capacity, queue } = this.#parts;
    const images = await Promise.all(request.commands.map((command, i) => this.#imageOf(job, command, i)));
    const wanted = request.commands.map(({ most, host }, i): MoreVms => ({ image: images[i] ?? '', count: most, host }));
    const free = queue.length > 0 ? 0 : roomFor(this.#parts, job, wanted);
    const counts = grantedCounts(request.commands, free);
    const first = job.assignments.length;
    const more = wanted.map((each, i) => ({ ...each, count: counts?.[i] ?? 0 }));
    const claim = `${job.jobId}/growth`;
    const assignments =
      counts === undefined ? undefined : placeMore(this.#parts, job, more, claim, () => `vm-${suffix(this.#parts.random)}`);
    if (assignments === undefined) {
      capacity.release(claim);
      return { answer: { case: 'free', value: free } };
    }
    const commands = request.commands.map(({ program, args }, i): GrownCommand => ({
      ...{ program, args, imageDigest: images[i] ?? '', ranks: more[i]?.count ?? 0 },
    }));
    const growth = { requestId, parent: request.rank, first, commands, assignments };
    try {
      await this.#commit(job.jobId, { type: 'GrantRanks', data: growth });
      await evictFor(this.#parts, claim);
      await bringUp(this.#parts, job, commands, assignments);
      await this.#connect(job.jobId, growth, claim);
    } catch (error) {
      if (this.#parts.jobs.known(job.jobId)?.grown.some((each) => each.first === first) !== true) {
        await takeBack(this.#parts, assignments);
        capacity.release(claim);
        const reason = messageOf(error);
        await this.#parts.jobs.execute(job.jobId, [{ type: 'WithdrawRanks', data: { first, reason } }]);
      }
      throw error;
    }
    return { answer: { case: 'first', value: first } };
  }

  async #connect(jobId: string, growth: Growth, claim: string): Promise<void> {
    const { jobs, capacity, rendezvous, deadlocks } = this.#parts;
    const { first } = growth;
    const held = await holdAll(this.#parts, jobId, () => this.#epoch(jobId, first));
    const known = jobs.known(jobId);
    if (known === undefined) throw new Error(`there is no job ${jobId}`);
    const standing = new Set(held.ranks);
    const gone = known.assignments.map(({ rank }) => rank).filter((rank) => !standing.has(rank));
    try {
      await this.#commit(jobId, { type: 'JoinRanks', data: { first } });
    } catch (error) {
      await held.free();
      throw error;
    }
    // What was claimed for the growth is the job's from here on.
    capacity.claim(growth.assignments.map(({ vmId, nodeId }) => claimOf(jobId, vmId, nodeId, known)));
    capacity.release(claim);
    const nodes = [...known.assignments, ...growth.assignments].map(({ nodeId }) => nodeId);
    rendezvous.grow(jobId, nodes, gone);
    deadlocks.grow(jobId, nodes.length);
    try {
      await growOn(this.#parts, jobId, { ...growth, ...held, gone });
      await this.#commit(jobId, { type: 'MeetRanks', data: { first } });
    } catch (error) {
      const reason = `the job could not go on with the processes that it had spawned: ${messageOf(error)}`;
      await jobs.execute(jobId, [{ type: 'EndJob', data: { cause: 'internal', reason } }]);
      throw error;
    }
  }

  /** A number for an attempt to stop all ranks, larger than any before. */
  async #epoch(jobId: string, first: number): Promise<number> {
    await this.#commit(jobId, { type: 'ConnectRanks', data: { first } });
    const [last] = await this.#parts.store.readAll({ filter: { stream: jobId, types: ['RanksConnecting'] }, descending: true, limit: 1 });
    if (last === undefined) throw new Error(`no ranks are coming to ${jobId}`);
    return Number(last.position % BigInt(2 ** 30 - 1)) + 1;
  }

  /** The job's own program by the name that it was started under, or an image that its submitter may have. @throws {UnknownProgram} */
  async #imageOf(job: KnownJob, { program }: jobv1.SpawnCommand, command: number): Promise<string> {
    const { spec, match, actor, tenant, roles } = job;
    const own = spec.name === '' ? 'program' : spec.name;
    if (program === own || program.replace(/^.*\//, '') === own.replace(/^.*\//, '')) return match?.imageDigest ?? '';
    if (program === '' || program.length > 256) throw new UnknownProgram(command);
    try {
      const found = await withCallContext({ actor, tenant, roles }, () => matchImage(this.#parts.bus, { ...spec, image: program }, actor));
      return found.imageDigest;
    } catch (error) {
      if (isNoMatch(error)) throw new UnknownProgram(command);
      throw error;
    }
  }

  async #commit(jobId: string, command: JobRequest): Promise<void> {
    assertWritten(await this.#parts.jobs.execute(jobId, [command]));
  }
}

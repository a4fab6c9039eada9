/**
 * The queue: by priority, then first come, first served. The first job is placed whole; while it waits, a later one may go before it only when that
 * does not delay it (backfill.ts), so a large job is never starved by small ones that would slip in before it.
 *
 * One drain runs at a time; whatever may have made room (a job ended, a node came, a VM became idle) asks for another.
 */
import type { Assignment, KnownJob } from '@verbena/domain-job';
import { isPolicyName, place, type ClusterView, type JobShape, type PlacementResult, type PolicyName } from '@verbena/placement';
import { suffix } from '@verbena/ids';
import type { SchedulerConfig } from '../config.ts';
import type { JobRequest, Jobs } from '../jobs/jobs.ts';
import type { Nodes } from '../nodes/nodes.ts';
import { Reservation, type Occupant } from './backfill.ts';
import type { Capacity, Claim } from './capacity.ts';

export interface QueueParts {
  readonly jobs: Jobs;
  readonly nodes: Nodes;
  readonly capacity: Capacity;
  readonly config: SchedulerConfig;
  readonly random: (bytes: number) => Uint8Array;
  /** Whether the nodes have had the time to register: before, nobody is told that the cluster is too small. */
  readonly settled: () => boolean;
  readonly onError: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** So many jobs behind the first are looked at in one pass. */
const mostLookedAt = 100;

type Placed = Extract<PlacementResult, { kind: 'placed' }>;

interface Waiting {
  readonly jobId: string;
  readonly priority: number;
  /** Of the submission. */
  readonly sequence: number;
  readonly left: () => void;
}

export class Queue {
  readonly #parts: QueueParts;
  readonly #waiting = new Map<string, Waiting>();
  /** The same, in the order in which they are placed. */
  #order: Waiting[] = [];
  /** The first, when it could not be placed, and why. */
  #stuck: { readonly first: Waiting; readonly reason: string } | undefined;
  /** Jobs whose watchers have not heard yet why they wait. */
  readonly #untold = new Set<string>();
  #draining = false;
  #again = false;
  #closed = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** How many wait. */
  get length(): number {
    return this.#order.length;
  }

  /** Resolves when the job has left the queue: placed, or ended. */
  enter(jobId: string): Promise<void> {
    const { jobs } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#remove(jobId)?.left();
    this.#untold.add(jobId);
    this.#insert({ jobId, priority: jobs.known(jobId)?.spec.priority ?? 0, sequence: jobs.log.sequence(jobId), left: resolve });
    this.kick();
    return promise;
  }

  leave(jobId: string): void {
    const waiting = this.#remove(jobId);
    waiting?.left();
    if (waiting) this.kick();
  }

  kick(): void {
    this.#again = true;
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    // What changes in one turn of the event loop is looked at once.
    setImmediate(() => this.#drain());
  }

  close(): void {
    this.#closed = true;
  }

  /** Why a job waits, which follows from the state of the queue and is in no event; empty when it does not, or is not known yet. */
  reasonOf({ jobId }: KnownJob): string {
    const waiting = this.#waiting.get(jobId);
    if (waiting === undefined || this.#stuck === undefined) return '';
    const { first, reason } = this.#stuck;
    if (first.jobId === jobId) return reason;
    return first.priority > waiting.priority ? 'waits behind a job of higher priority' : 'waits behind an earlier job';
  }

  #insert(waiting: Waiting): void {
    this.#waiting.set(waiting.jobId, waiting);
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(this.#order[middle], waiting)) low = middle + 1;
      else high = middle;
    }
    this.#order.splice(low, 0, waiting);
  }

  #remove(jobId: string): Waiting | undefined {
    const waiting = this.#waiting.get(jobId);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(jobId);
    this.#untold.delete(jobId);
    this.#order.splice(this.#order.indexOf(waiting), 1);
    return waiting;
  }

  #drain(): void {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        this.#pass();
      }
    } catch (error) {
      this.#parts.onError(error);
    } finally {
      this.#draining = false;
    }
  }

  /** Places from the front as long as it goes. */
  #pass(): void {
    const { jobs } = this.#parts;
    this.#stuck = undefined;
    for (let [first] = this.#order; first !== undefined; [first] = this.#order) {
      const job = jobs.known(first.jobId);
      const reason = job === undefined ? undefined : this.#tryFirst(job);
      if (reason === undefined) continue;
      this.#stuck = { first, reason: `waits: ${reason}` };
      const untold = [...this.#untold];
      this.#untold.clear();
      for (const jobId of untold) jobs.log.touch(jobId);
      if (job !== undefined) this.#backfill(job);
      return;
    }
  }

  /** Takes the job out of the queue, or says why it cannot be placed now. */
  #tryFirst(job: KnownJob): string | undefined {
    const { capacity, settled } = this.#parts;
    const { jobId } = job;
    const shape = shapeOf(job);
    if (job.status !== 'queued' || shape === undefined) {
      this.#remove(jobId)?.left();
      return undefined;
    }
    const result = this.#placed(job, shape, capacity.view(shape.imageDigest));
    if (result.kind === 'placed') this.#place(job, result, shape.memoryBytes);
    else if (result.kind === 'never' && settled())
      this.#writeAndLeave(jobId, { type: 'EndJob', data: { cause: 'unsatisfiable', reason: result.reason } });
    else return result.reason;
    return undefined;
  }

  /** Places jobs behind the first that do not delay it. */
  #backfill(first: KnownJob): void {
    const { jobs, capacity, settled, now } = this.#parts;
    const firstShape = shapeOf(first);
    // Nodes that are still to be heard of may be what the first waits for.
    if (firstShape === undefined || this.#order.length < 2 || !settled() || !capacity.hasRoom()) return;
    let reservation: Reservation | undefined;
    const hopeless = new Set<string>();
    for (const { jobId } of this.#order.slice(1, 1 + mostLookedAt)) {
      const job = jobs.known(jobId);
      const shape = job && shapeOf(job);
      if (job?.status !== 'queued' || shape === undefined) continue;
      const key = JSON.stringify([shape, job.spec.placementPolicy]);
      const result = hopeless.has(key) ? undefined : this.#placed(job, shape, capacity.view(shape.imageDigest));
      if (result?.kind !== 'placed') {
        hopeless.add(key);
        continue;
      }
      reservation ??= Reservation.of(capacity.view(firstShape.imageDigest), this.#occupants(), (view) =>
        this.#placed(first, firstShape, view),
      );
      if (reservation.admits(shape, result, this.#endOf(job, now()))) this.#place(job, result, shape.memoryBytes);
    }
  }

  #occupants(): readonly Occupant[] {
    const { jobs, capacity, now } = this.#parts;
    return [...capacity.held()].map(([jobId, vms]) => {
      const job = jobs.known(jobId);
      return { endsAt: job === undefined ? now() : this.#endOf(job, now()), vms };
    });
  }

  /** When it must have ended at the latest, should it start now unless it has. */
  #endOf({ startedAt, spec }: KnownJob, now: number): number {
    return startedAt === undefined ? now + this.#parts.config.startUpMs + spec.walltimeMs : Math.max(now, startedAt + spec.walltimeMs);
  }

  #policyOf({ spec }: KnownJob): PolicyName {
    return isPolicyName(spec.placementPolicy) ? spec.placementPolicy : this.#parts.config.defaultPolicy;
  }

  #placed(job: KnownJob, shape: JobShape, view: ClusterView): PlacementResult {
    return place(shape, view, { policy: this.#policyOf(job), seed: job.jobId });
  }

  #place(job: KnownJob, result: Placed, memoryBytes: number): void {
    const { nodes, capacity, random } = this.#parts;
    const { jobId, spec } = job;
    const policy = this.#policyOf(job);
    const assignments = result.vms.map(({ nodeId, reuse }, rank): Assignment => {
      const vmId = reuse ?? `vm-${suffix(random)}`;
      return {
        rank,
        vmId,
        nodeId,
        nodeName: nodes.nameOf(nodeId),
        nodeEpoch: nodes.known(nodeId)?.epoch ?? 0,
        reused: reuse !== undefined,
      };
    });
    const claim = (vmId: string, nodeId: string, vcpus: number, memory: number): Claim => ({
      vmId,
      jobId,
      nodeId,
      vcpus,
      memoryBytes: memory,
    });
    capacity.claim([
      ...assignments.map(({ vmId, nodeId }) => claim(vmId, nodeId, spec.vcpusPerVm, memoryBytes)),
      ...result.evict.map((vm) => claim(vm.id, vm.nodeId, vm.vcpus, vm.memoryBytes)),
    ]);
    const evicted = result.evict.map(({ id }) => id);
    this.#writeAndLeave(jobId, { type: 'PlaceJob', data: { policy, cost: result.cost, assignments, evicted } });
  }

  /**
   * The job leaves the order at once, so that the next is looked at while this is written, and leaves the queue when it is in the log. What
   * cannot be written puts it back.
   */
  #writeAndLeave(jobId: string, command: JobRequest): void {
    const { jobs, capacity, onError } = this.#parts;
    const waiting = this.#remove(jobId);
    jobs.execute(jobId, [command]).then(
      (written) => {
        // It was cancelled in this moment: what it would have had is free for the next.
        if (!written.ok && jobs.known(jobId)?.assignments.length === 0) capacity.release(jobId);
        waiting?.left();
        if (!written.ok) this.kick();
      },
      (error: unknown) => {
        capacity.release(jobId);
        if (waiting) this.#insert(waiting);
        onError(error);
      },
    );
  }
}

/** What the job asks of the cluster; undefined while nobody has said which image it runs. */
function shapeOf({ spec, match, tenant }: KnownJob): JobShape | undefined {
  if (match === undefined) return undefined;
  const { imageDigest, imageBytes, memoryBytes } = match;
  return { vms: spec.vms, vcpus: spec.vcpusPerVm, memoryBytes, imageDigest, imageBytes, tenant };
}

/** By priority, then first come, first served. */
function isBefore(a: Waiting | undefined, b: Waiting): boolean {
  if (a === undefined) return false;
  return a.priority === b.priority ? a.sequence < b.sequence : a.priority > b.priority;
}

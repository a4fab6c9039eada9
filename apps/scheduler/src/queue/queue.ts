/**
 * The queue: by priority, then first come, first served, without backfilling. The first job is placed whole or everyone waits, so a large job is
 * never starved by small ones that would slip in before it.
 *
 * One drain runs at a time; whatever may have made room (a job ended, a node came, a VM became idle) asks for another.
 */
import type { Assignment, KnownJob } from '@verbena/domain-job';
import { isPolicyName, place, type PlacementResult } from '@verbena/placement';
import { suffix } from '@verbena/ids';
import type { SchedulerConfig } from '../config.ts';
import type { JobRequest, Jobs } from '../jobs/jobs.ts';
import type { Nodes } from '../nodes/nodes.ts';
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
}

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
      return;
    }
  }

  /** Takes the job out of the queue, or says why it cannot be placed now. */
  #tryFirst(job: KnownJob): string | undefined {
    const { capacity, config, settled } = this.#parts;
    const { jobId, spec, match, tenant } = job;
    if (job.status !== 'queued' || match === undefined) {
      this.#remove(jobId)?.left();
      return undefined;
    }
    const { imageDigest, imageBytes, memoryBytes } = match;
    const shape = { vms: spec.vms, vcpus: spec.vcpusPerVm, memoryBytes, imageDigest, imageBytes, tenant };
    const policy = isPolicyName(spec.placementPolicy) ? spec.placementPolicy : config.defaultPolicy;
    const result = place(shape, capacity.view(imageDigest), { policy, seed: jobId });
    if (result.kind === 'placed') this.#place(job, result, policy, memoryBytes);
    else if (result.kind === 'never' && settled())
      this.#writeAndLeave(jobId, { type: 'EndJob', data: { cause: 'unsatisfiable', reason: result.reason } });
    else return result.reason;
    return undefined;
  }

  #place(job: KnownJob, result: Placed, policy: string, memoryBytes: number): void {
    const { nodes, capacity, random } = this.#parts;
    const { jobId, spec } = job;
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

/** By priority, then first come, first served. */
function isBefore(a: Waiting | undefined, b: Waiting): boolean {
  if (a === undefined) return false;
  return a.priority === b.priority ? a.sequence < b.sequence : a.priority > b.priority;
}

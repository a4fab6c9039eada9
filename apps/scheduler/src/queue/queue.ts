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
import type { Jobs } from '../jobs/jobs.ts';
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

export class Queue {
  readonly #parts: QueueParts;
  readonly #waiting = new Map<string, () => void>();
  #draining = false;
  #again = false;
  #closed = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Resolves when the job has left the queue: placed, or ended. */
  enter(jobId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(jobId, resolve);
    this.kick();
    return promise;
  }

  leave(jobId: string): void {
    this.#waiting.get(jobId)?.();
    if (this.#waiting.delete(jobId)) this.kick();
  }

  kick(): void {
    this.#again = true;
    if (!this.#draining && !this.#closed) void this.#drain();
  }

  close(): void {
    this.#closed = true;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#pass();
      }
    } catch (error) {
      this.#parts.onError(error);
    } finally {
      this.#draining = false;
    }
  }

  /** Places from the front as long as it goes. */
  async #pass(): Promise<void> {
    const order = this.#order();
    for (const [index, job] of order.entries()) {
      if (!(await this.#tryFirst(job))) {
        await this.#explain(order.slice(index + 1), job);
        return;
      }
    }
  }

  #order(): readonly KnownJob[] {
    const { jobs } = this.#parts;
    return [...this.#waiting.keys()]
      .flatMap((id) => jobs.known(id) ?? [])
      .sort((a, b) => b.spec.priority - a.spec.priority || jobs.log.sequence(a.jobId) - jobs.log.sequence(b.jobId));
  }

  /** True when the job is out of the queue. */
  async #tryFirst(job: KnownJob): Promise<boolean> {
    const { jobs, capacity, config, settled } = this.#parts;
    const { jobId, spec, match, tenant } = job;
    if (job.status !== 'queued' || match === undefined) {
      this.leave(jobId);
      return true;
    }
    const { imageDigest, imageBytes, memoryBytes } = match;
    const shape = { vms: spec.vms, vcpus: spec.vcpusPerVm, memoryBytes, imageDigest, imageBytes, tenant };
    const policy = isPolicyName(spec.placementPolicy) ? spec.placementPolicy : config.defaultPolicy;
    const result = place(shape, capacity.view(imageDigest), { policy, seed: jobId });
    if (result.kind === 'placed') return this.#place(job, result, policy, memoryBytes);
    if (result.kind === 'never' && settled()) {
      await jobs.execute(jobId, [{ type: 'EndJob', data: { cause: 'unsatisfiable', reason: result.reason } }]);
      this.leave(jobId);
      return true;
    }
    await jobs.execute(jobId, [{ type: 'ExplainWait', data: { reason: `waits: ${result.reason}` } }]);
    return false;
  }

  async #place(job: KnownJob, result: Placed, policy: string, memoryBytes: number): Promise<boolean> {
    const { jobs, nodes, capacity, random } = this.#parts;
    const { jobId, spec } = job;
    const assignments = result.vms.map(({ nodeId, reuse }, rank): Assignment => {
      const vmId = reuse ?? `vm-${suffix(random)}`;
      return { rank, vmId, nodeId, nodeName: nodes.nameOf(nodeId), reused: reuse !== undefined };
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
    const placed = await jobs.execute(jobId, [{ type: 'PlaceJob', data: { policy, cost: result.cost, assignments, evicted } }]);
    // It was cancelled in this moment: what it would have had is free for the next.
    if (!placed.ok) capacity.release(jobId);
    this.leave(jobId);
    return true;
  }

  async #explain(others: readonly KnownJob[], first: KnownJob): Promise<void> {
    for (const job of others) {
      if (job.status !== 'queued' || job.reason !== '') continue;
      const reason = first.spec.priority > job.spec.priority ? 'waits behind a job of higher priority' : 'waits behind an earlier job';
      await this.#parts.jobs.execute(job.jobId, [{ type: 'ExplainWait', data: { reason } }]);
    }
  }
}

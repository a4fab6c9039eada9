/** What the steps of a growth ask of the nodes, each over all of them in parallel. */
import { imagev1, nodev1 } from '@verbena/contracts';
import type { Assignment, Growth, GrownCommand, KnownJob } from '@verbena/domain-job';
import { wireIoPath } from '../jobs/io-path.ts';
import { mayPass, messageOf } from './failure.ts';
import type { RunPorts } from './ports.ts';
import { startRequestOf } from './bring-up.ts';
import { byNode } from './work.ts';

const destroyMs = 15_000;
/** A rank that makes no MPI call for so long keeps the others waiting, and then they go on without more ranks. */
const holdMs = 5_000;
const holdTries = 6;
const pauseMs = 100;
const growMs = 30_000;
const growTries = 5;

/** Destroys the idle VMs in whose place others are to be. */
export async function evictFor({ vms, capacity, bus, term, jobs, stopping }: RunPorts, claimant: string): Promise<void> {
  const wanted = new Set(jobs.live().flatMap(({ growing }) => growing?.assignments.map(({ vmId }) => vmId) ?? []));
  const mine = vms.live().filter(({ id, state }) => state.status === 'idle' && capacity.claimedBy(id) === claimant && !wanted.has(id));
  if (mine.length === 0) return;
  const destroy = ({ id, state }: (typeof mine)[number]) =>
    bus.client(nodev1.NodeAgentService, state.nodeId).destroyVm({ vmId: id, term }, { timeoutMs: destroyMs });
  await Promise.all(mine.map(destroy));
  await vms.caughtUp(stopping);
}

/** Brings each command's image to where it is needed, and boots the VMs that are new. */
export async function bringUp(
  ports: RunPorts,
  job: KnownJob,
  commands: readonly GrownCommand[],
  assignments: readonly Assignment[],
): Promise<void> {
  const { bus, config, term, stopping } = ports;
  const { jobId, spec, match, tenant } = job;
  const images = commands.flatMap(({ imageDigest, ranks }) => Array.from({ length: ranks }, () => imageDigest));
  const booting = assignments.map((assignment, i) => ({ ...assignment, imageDigest: images[i] ?? '' })).filter(({ reused }) => !reused);
  const byImage = Map.groupBy(booting, ({ imageDigest }) => imageDigest);
  for (const [imageDigest, here] of byImage) {
    const nodeIds = [...byNode(here).keys()];
    const options = { signal: stopping, timeoutMs: config.distributeTimeoutMs };
    for await (const _ of bus.client(imagev1.ImageService).distribute({ imageDigest, nodeIds, jobId }, options));
  }
  await Promise.all(
    booting.map(({ vmId, nodeId, imageDigest }) =>
      bus.client(nodev1.NodeAgentService, nodeId).bootVm(
        {
          ...{ vmId, imageDigest, memoryBytes: BigInt(match?.memoryBytes ?? 0), vcpus: spec.vcpusPerVm },
          ...{ ioPath: wireIoPath(spec.ioPath), tenant, jobId, term },
        },
        { timeoutMs: config.bootTimeoutMs },
      ),
    ),
  );
}

/** Destroys VMs that are not needed after all. One that cannot be destroyed stays idle, and is used or destroyed later. */
export async function takeBack({ bus, term, log }: RunPorts, assignments: readonly Assignment[]): Promise<void> {
  const destroy = ({ vmId, nodeId }: Assignment): Promise<unknown> =>
    bus.client(nodev1.NodeAgentService, nodeId).destroyVm({ vmId, term }, { timeoutMs: destroyMs });
  await Promise.all(
    assignments
      .filter(({ reused }) => !reused)
      .map((assignment) =>
        destroy(assignment).catch((error: unknown) =>
          log.warn({ vm: assignment.vmId, error: messageOf(error) }, 'a VM could not be destroyed'),
        ),
      ),
  );
}

export interface Held {
  readonly epoch: number;
  /** Those that stand. */
  readonly ranks: readonly number[];
  /** Rendezvous made before. */
  readonly rendezvous: number;
  readonly free: () => Promise<void>;
}

/** Brings all ranks of a job to stand still. @throws Error when one does not for long */
export async function holdAll(ports: RunPorts, jobId: string, nextEpoch: () => Promise<number>): Promise<Held> {
  const { bus, clock, jobs, term, stopping } = ports;
  let failure: unknown = new Error(`job ${jobId} is over`);
  for (let attempt = 0; attempt < holdTries; attempt++) {
    const job = jobs.known(jobId);
    if (job?.status !== 'running') break;
    const nodeIds = [...byNode(job.assignments.filter(({ rank }) => !job.ends.has(rank))).keys()];
    const epoch = await nextEpoch();
    const which = { jobId, attempt: job.starts, epoch, term };
    const agent = (nodeId: string) => bus.client(nodev1.NodeAgentService, nodeId);
    const free = async (): Promise<void> => {
      await Promise.allSettled(nodeIds.map((nodeId) => agent(nodeId).freeRanks(which, { timeoutMs: holdMs })));
    };
    const results = await Promise.allSettled(
      nodeIds.map((nodeId) => agent(nodeId).holdRanks({ ...which, timeoutMs: holdMs }, { timeoutMs: 2 * holdMs })),
    );
    const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (held.length === nodeIds.length) {
      const rendezvous = Math.max(0, ...held.map((each) => each.rendezvous));
      return { epoch, ranks: held.flatMap(({ ranks }) => ranks), rendezvous, free };
    }
    await free();
    failure = results.find((result) => result.status === 'rejected')?.reason;
    await clock.sleep(pauseMs * 2 ** attempt, stopping);
  }
  throw failure;
}

/** Starts the new ranks and lets all go on. A node that does not answer is asked again, and at last the job ends. */
export async function growOn(
  ports: RunPorts,
  jobId: string,
  growth: Growth & Omit<Held, 'free'> & { readonly gone: readonly number[] },
): Promise<void> {
  const { bus, clock, jobs, stopping, term, config } = ports;
  const job = jobs.known(jobId);
  if (job === undefined) throw new Error(`there is no job ${jobId}`);
  const { first, parent, commands, assignments, epoch, rendezvous, gone } = growth;
  const start = startRequestOf(ports, job);
  const numbers = commands.flatMap(({ ranks }, i) => Array.from({ length: ranks }, () => i));
  const firstSize = job.grown[0]?.first ?? first;
  const standing = new Set(growth.ranks);
  const concerned = job.assignments.filter(({ rank }) => rank >= first || standing.has(rank));
  const request = {
    start,
    epoch,
    rendezvous,
    worldFirst: first,
    worldSize: assignments.length,
    parent,
    firstSize,
    universe: start.universe,
    gone: [...gone],
  };
  await Promise.all(
    [...byNode(concerned).keys()].map(async (nodeId) => {
      const ranks = assignments
        .filter((each) => each.nodeId === nodeId)
        .map(({ rank, vmId }) => {
          const appNumber = numbers[rank - first] ?? 0;
          const { program = '', args = [] } = commands[appNumber] ?? {};
          return { rank, vmId, args: [program, ...args], appNumber };
        });
      for (let attempt = 1; ; attempt++) {
        try {
          return await bus.client(nodev1.NodeAgentService, nodeId).growRanks({ ...request, ranks }, { timeoutMs: growMs });
        } catch (error) {
          if (attempt === growTries || !mayPass(error)) throw error;
          await clock.sleep(pauseMs * 2 ** attempt, stopping);
        }
      }
    }),
  );
  const now = jobs.known(jobId);
  if (now?.status === 'running') return;
  // It was ended meanwhile, and what has just been started may have come too late to be stopped.
  const stop = {
    jobId,
    destroyVms: true,
    reason: 'the job is over',
    attempt: job.starts,
    vmIds: assignments.map(({ vmId }) => vmId),
    term,
  };
  await Promise.allSettled(
    [...byNode(assignments).keys()].map((nodeId) =>
      bus.client(nodev1.NodeAgentService, nodeId).stopRanks(stop, { timeoutMs: config.stopTimeoutMs }),
    ),
  );
}

/** Puts the scheduler together: state folded from the log, the queue, a run for each live job, and the three services. */
import { jobv1, migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import { createMemoryElection, fencedStore, type EventStore, type Leadership } from '@verbena/event-sourcing';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { StoredCheckpoints } from './checkpoints/stored-checkpoints.ts';
import { defaultConfig, type SchedulerConfig } from './config.ts';
import { openJobs } from './jobs/jobs.ts';
import { jobService } from './jobs/job-service.ts';
import { RankEnds } from './jobs/rank-ends.ts';
import { observeScheduler } from './metrics.ts';
import { moveService } from './moves/move-service.ts';
import { Moves } from './moves/moves.ts';
import { Caretaker } from './nodes/caretaker.ts';
import { nodeService } from './nodes/node-service.ts';
import { Nodes } from './nodes/nodes.ts';
import { Capacity } from './queue/capacity.ts';
import { Queue } from './queue/queue.ts';
import { takeOver } from './recovery.ts';
import { DeadlockWatch } from './run/deadlock.ts';
import { JobRun } from './run/job-run.ts';
import { Growths } from './run/growth.ts';
import type { RunPorts } from './run/ports.ts';
import { PartitionKeys } from './run/partition-keys.ts';
import { Rendezvous } from './run/rendezvous.ts';
import { VmMap } from './vms/vm-map.ts';
import { vmService } from './vms/vm-service.ts';

export interface SchedulerOptions extends Partial<SchedulerConfig> {
  readonly store: EventStore;
  /** Of several replicas the one that leads starts a scheduler. Without it this one begins a term of its own, which ends every other. */
  readonly lead?: Leadership;
}

const stopRunsMs = 5_000;
const role = 'scheduler';

/**
 * Starts the management module. Resolves when it serves: what the log holds is folded, and jobs that were on their way go on where they were.
 * Nodes that have lived on are with us again from their next heartbeat.
 */
export async function startScheduler(context: ServiceContext, { store, lead: led, ...given }: SchedulerOptions): Promise<RunningService> {
  const { bus, clock, log, tracer, random } = context;
  const config: SchedulerConfig = { ...defaultConfig, ...given };
  const stopping = new AbortController();
  const lead = led ?? (await createMemoryElection(store).campaign(role, 'scheduler', stopping.signal));
  // What a scheduler writes that leads no more is refused by the log.
  const fenced = fencedStore(store, role, lead);
  const startedAt = clock.monotonic();
  const [jobs, nodes, vms] = await Promise.all([openJobs(fenced, clock), Nodes.open(fenced, clock), VmMap.open(store)]);
  const capacity = new Capacity(nodes, vms);
  const settled = (): boolean => clock.monotonic() - startedAt >= config.settleMs;
  const onError = (error: unknown): void => log.error({ err: error }, 'a pass over the queue failed');
  const now = (): number => clock.now().getTime();
  const queue = new Queue({ jobs, nodes, capacity, config, random, settled, onError, now });
  const checkpoints = await StoredCheckpoints.open(store);
  const ports: RunPorts = {
    bus,
    clock,
    log,
    tracer,
    config,
    jobs,
    nodes,
    vms,
    capacity,
    queue,
    rendezvous: new Rendezvous(),
    deadlocks: new DeadlockWatch(clock, config.deadlockConfirmMs),
    progress: new Map(),
    waits: new Map(),
    pkeys: new PartitionKeys(),
    checkpoints,
    term: BigInt(lead.term),
    stopping: stopping.signal,
  };
  const runs = new Set<Promise<void>>();
  const start = (jobId: string): void => {
    const run = new JobRun(jobId, ports).run();
    runs.add(run);
    void run.finally(() => runs.delete(run));
  };
  takeOver(ports);
  nodes.onChange(() => queue.kick());
  vms.onChange(() => queue.kick());
  const moves = await Moves.open(ports, store, (id) => caretaker.reconcile(id));
  const caretaker: Caretaker = new Caretaker(ports, store, moves);
  await moves.follow();
  const growths = new Growths({ ...ports, store, random, moves: (job) => moves.moves(job) });
  await growths.recover();
  for (const id of nodes.ids()) await caretaker.reconcile(id);
  const findSubmission = async (commandId: string) => {
    const [first] = (await store.findCommand(commandId)) ?? [];
    return first === undefined ? undefined : jobs.known(first.stream);
  };
  const unobserve = observeScheduler(context.metrics, ports);
  const follow = async (): Promise<void> => {
    await vms.caughtUp(stopping.signal);
    await moves.follow();
  };
  const registered = (id: string): void => void caretaker.registered(id);
  const served = [
    await bus.serve(
      jobv1.JobService,
      jobService({
        ...ports,
        random,
        rankEnds: new RankEnds(jobs),
        start,
        findSubmission,
        follow,
        spawn: (request) => growths.spawn(request),
      }),
    ),
    await bus.serve(
      nodev1.NodeService,
      nodeService({ bus, nodes, capacity, term: ports.term, heartbeatMs: config.heartbeatMs, leaseMs: config.nodeLostAfterMs, registered }),
    ),
    await bus.serve(migrationv1.MoveService, moveService(moves)),
    await bus.serve(vmv1.VmService, vmService({ bus, vms, nodeName: (id) => nodes.nameOf(id), term: ports.term })),
  ];
  const live = jobs.live();
  for (const { jobId } of live) start(jobId);
  const background = [caretaker.run(), kickWhenSettled(ports)];
  log.info({ jobs: jobs.log.ids().length, live: live.length }, 'the scheduler serves');

  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the scheduler stops'));
    queue.close();
    unobserve();
    await Promise.all(served.map((service) => service.stop()));
    await bounded(stopRunsMs, Promise.allSettled([...runs, ...background]));
    await moves.stop();
    await vms.stop();
    await checkpoints.stop();
  };
  let stopped: Promise<void> | undefined;
  const stopOnce = (): Promise<void> => (stopped ??= stop());
  lead.lost.addEventListener('abort', () => void stopOnce(), { once: true });
  if (lead.lost.aborted) void stopOnce();
  const notReady = (): Promise<string | undefined> => Promise.resolve(lead.lost.aborted ? (lead.lost.reason as Error).message : undefined);
  return { name: 'scheduler', notReady, stop: stopOnce };
}

/** Jobs that were spared the judgement that the cluster is too small are judged now. */
async function kickWhenSettled({ clock, config, queue, stopping }: RunPorts): Promise<void> {
  await clock.sleep(config.settleMs, stopping).then(
    () => queue.kick(),
    () => undefined,
  );
}

async function bounded(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, late]);
  clearTimeout(timer);
}

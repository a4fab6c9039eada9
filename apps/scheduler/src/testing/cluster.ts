/** A scheduler with fake nodes around it, on a clock that the test moves. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import type { Tracer } from '@opentelemetry/api';
import { jobv1, nodev1, storagev1, vmv1 } from '@verbena/contracts';
import { createMemoryEventStore, type EventStore } from '@verbena/event-sourcing';
import type { RunningService } from '@verbena/service-kit';
import { manualClock, mortal, testContext, type Fate, type ManualClock, type Mortal, type TestContext } from '@verbena/service-kit/testing';
import { defaultConfig, type SchedulerConfig } from '../config.ts';
import { startScheduler } from '../scheduler.ts';
import { FakeAgent } from './fake-agent.ts';
import { FakeImages } from './fake-images.ts';
import { serveSome } from './serve-some.ts';

export interface TestCluster {
  readonly clock: ManualClock;
  readonly store: EventStore;
  readonly context: TestContext;
  readonly images: FakeImages;
  readonly agents: readonly FakeAgent[];
  readonly sealed: readonly string[];
  agent(index: number): FakeAgent;
  submit(spec?: MessageInitShape<typeof jobv1.JobSpecSchema>, key?: string): Promise<jobv1.Job>;
  job(id: string): Promise<jobv1.Job>;
  cancel(id: string): Promise<void>;
  jobs(): Client<typeof jobv1.JobService>;
  nodes(): Client<typeof nodev1.NodeService>;
  vms(): Promise<readonly vmv1.Vm[]>;
  /** Waits until a job is in a state. */
  until(id: string, ...states: jobv1.JobState[]): Promise<jobv1.Job>;
  /** Waits until something is true, letting what is ready run. */
  eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void>;
  /** Types of the events on behalf of a job, in order. */
  story(id: string): Promise<readonly string[]>;
  /** Every rank of the job ends well. */
  finish(id: string): Promise<jobv1.Job>;
  /** Stops the scheduler and starts another on the same log. */
  restart(): Promise<void>;
  /** The moments of the present scheduler's life, and what decides at which it ends. */
  readonly life: Mortal;
  fate: Fate;
  /** The present scheduler is gone, without a word; another starts on the same log. */
  succeed(): Promise<void>;
  /** Another takes over while the present one lives on and does not know it. */
  succeedBeside(): Promise<void>;
  /** While set, storage refuses to seal. */
  sealError: Error | undefined;
  stop(): Promise<void>;
}

export async function testCluster(cores: readonly number[], config: Partial<SchedulerConfig> = {}, tracer?: Tracer): Promise<TestCluster> {
  const clock = manualClock();
  const store = createMemoryEventStore({ now: () => clock.now() });
  const context = await testContext({ clock, ...(tracer !== undefined && { tracer }) });
  const { bus } = context;
  const images = new FakeImages();
  const sealed: string[] = [];
  const storage: { error: Error | undefined } = { error: undefined };
  await images.serve(bus);
  await serveSome(bus, storagev1.OutputService, {
    sealOutput: ({ jobId }) => {
      if (storage.error) throw storage.error;
      sealed.push(jobId);
      return {};
    },
  });
  const options = { store, settleMs: 0, nodeLostAfterMs: defaultConfig.nodeLostAfterMs, ...config };
  const fates: { fate: Fate } = { fate: () => false };
  const lives: Mortal[] = [];
  const begin = (): Promise<RunningService> => {
    const life = mortal(bus, store, (moment) => lives.at(-1) === life && fates.fate(moment));
    lives.push(life);
    return startScheduler({ ...context, bus: life.bus }, { ...options, store: life.store });
  };
  let scheduler: RunningService = await begin();
  const agents = cores.map((count, index) => new FakeAgent(bus, store, `node-${index}`, count));
  for (const agent of agents) await agent.start();

  const jobs = () => bus.client(jobv1.JobService);
  const nodes = () => bus.client(nodev1.NodeService);
  const job = async (id: string): Promise<jobv1.Job> => (await jobs().getJob({ id })).job ?? create(jobv1.JobSchema);
  const eventually = async (what: string, check: () => boolean | Promise<boolean>): Promise<void> => {
    for (let turn = 0; turn < 2_000; turn++) {
      if (await check()) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`it never came to this: ${what}`);
  };
  const until = async (id: string, ...states: jobv1.JobState[]): Promise<jobv1.Job> => {
    let now = await job(id);
    await eventually(`job ${id} is ${states.map((state) => jobv1.JobState[state]).join(' or ')}`, async () => {
      now = await job(id);
      return states.includes(now.state);
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${jobv1.JobState[now.state]} (${now.reason})`, { cause: error });
    });
    return now;
  };
  await eventually('all nodes are settled', async () => {
    const { nodes: list } = await nodes().listNodes({});
    return list.length === cores.length;
  });
  return {
    clock,
    store,
    context,
    images,
    agents,
    sealed,
    agent: (index) => agents[index] ?? agents[0]!,
    submit: async (spec = {}, idempotencyKey = '') => {
      const { job: submitted } = await jobs().submitJob({ spec: { name: 'hello', image: 'hello', processes: 2, ...spec }, idempotencyKey });
      return submitted ?? create(jobv1.JobSchema);
    },
    job,
    cancel: async (id) => void (await jobs().cancelJob({ id })),
    jobs,
    nodes,
    vms: async () => (await bus.client(vmv1.VmService).listVms({})).vms,
    until,
    eventually,
    story: async (id) => (await store.readAll({ filter: { correlationId: id } })).map(({ event }) => event.type),
    finish: async (id) => {
      const { ranks } = await until(id, jobv1.JobState.RUNNING);
      const started = (): number => agents.reduce((sum, agent) => sum + agent.ranksOf(id).length, 0);
      await eventually('all ranks are started', () => started() === ranks.length);
      for (const agent of agents) for (const { rank } of agent.ranksOf(id)) await agent.exit(id, rank);
      return until(id, jobv1.JobState.COMPLETED, jobv1.JobState.FAILED, jobv1.JobState.CANCELLED);
    },
    restart: async () => {
      await scheduler.stop();
      scheduler = await begin();
    },
    get life() {
      return lives.at(-1)!;
    },
    get fate() {
      return fates.fate;
    },
    set fate(fate) {
      fates.fate = fate;
    },
    succeedBeside: async () => {
      lives.at(-1)?.deafen();
      scheduler = await begin();
    },
    get sealError() {
      return storage.error;
    },
    set sealError(error) {
      storage.error = error;
    },
    succeed: async () => {
      lives.at(-1)?.die();
      scheduler = await begin();
    },
    stop: async () => {
      await scheduler.stop();
      await context.dispose();
    },
  };
}

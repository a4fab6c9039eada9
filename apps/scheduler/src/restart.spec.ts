/** A scheduler that starts from what read models have kept holds what one holds that folds the whole log. */
import { createMemoryEventStore, foldEntity, rowOf, type Entity, type EntityModel, type EventStore } from '@verbena/event-sourcing';
import { jobs as jobModel, vms as vmModel } from '@verbena/history';
import { manualClock } from '@verbena/service-kit/testing';
import { describe, expect, it } from 'vitest';
import { openJobs } from './jobs/jobs.ts';
import { VmMap } from './vms/vm-map.ts';

const at = 1_763_712_000_000;
const requirements = { os: 'verbena', abiVersion: '1', libraries: { mpi: '3.1' }, labels: {} };
const sizes = { processes: 1, vms: 1, vcpusPerVm: 1, memoryBytes: 1 << 26, walltimeMs: 0, outputLimitBytes: 1 << 20, priority: 0 };
const texts = { name: 'noop', image: 'noop:1', args: [], env: {}, placementPolicy: 'spread', inputFiles: [] };
const spec = { ...texts, ...sizes, requirements, stdin: 'aGVsbG8=' };
const counters = { bytesSent: 0, messagesSent: 0, vmmOperations: 12, dataPathVmmOperations: 0, cpuSeconds: 0.1, memoryBytesUsed: 1 << 20 };

const storyOf = (jobId: string, vmId: string) => [
  { type: 'JobSubmitted', data: { jobId, spec, actor: 'ada', tenant: 'physics', traceparent: '', at } },
  { type: 'JobMatched', data: { imageDigest: 'sha256:0', imageName: 'noop', imageVersion: 1, imageBytes: 1, memoryBytes: 1 << 26, at } },
  {
    type: 'JobPlaced',
    data: {
      policy: 'spread',
      cost: 1,
      assignments: [{ rank: 0, vmId, nodeId: 'node-0', nodeName: 'host-0', reused: false }],
      evicted: [],
      at,
    },
  },
  { type: 'JobStarted', data: { booted: 1, reused: 0, pkey: 1, at } },
  { type: 'RankExited', data: { rank: 0, vmId, cause: 'exited', exitCode: 0, detail: '', ...counters, outputFiles: 0, at } },
  { type: 'JobEnding', data: { cause: 'exited', exitCode: 0, reason: '', at } },
  { type: 'JobCompleted', data: { exitCode: 0, at } },
];
const vmStoryOf = (jobId: string) => [
  { type: 'VmCreated', data: { nodeId: 'node-0', imageDigest: 'sha256:0', memoryBytes: 1 << 26, vcpus: 1, tenant: 'physics', jobId } },
  { type: 'VmBooted', data: { instantiateMs: 1, firstInstructionMs: 1 } },
  { type: 'VmStarted', data: { jobId, rank: 0 } },
  { type: 'VmShutDown', data: { reason: 'nobody needed it' } },
];

async function write(store: EventStore, n: number, jobEvents: number, vmEvents: number): Promise<void> {
  const [jobId, vmId] = [`job-${n}`, `vm-${n}`];
  const appends = [
    { stream: jobId, expectedVersion: 'any' as const, events: storyOf(jobId, vmId).slice(0, jobEvents) },
    { stream: vmId, expectedVersion: 'any' as const, events: vmStoryOf(jobId).slice(0, vmEvents) },
  ];
  await store.append(appends, { metadata: { actor: 'ada', tenant: 'physics', epoch: n } });
}

/** The store with the rows that a read model would hold by now, and a count of the events that are read. */
async function keeping(store: EventStore): Promise<{ store: EventStore; read: () => number }> {
  const position = await store.head();
  const events = await store.readAll();
  let read = 0;
  const counted = <T extends readonly unknown[]>(found: T): T => {
    read += found.length;
    return found;
  };
  const rowsOf = (model: EntityModel): ReturnType<typeof rowOf>[] => {
    const entities = new Map<string, Entity<unknown>>();
    for (const recorded of events) {
      if (recorded.stream.startsWith(model.prefix))
        entities.set(recorded.stream, foldEntity(model, entities.get(recorded.stream), recorded));
    }
    return [...entities].map(([id, entity]) => rowOf(model, id, entity));
  };
  const kept: EventStore = {
    append: (appends, options) => store.append(appends, options),
    findCommand: (commandId) => store.findCommand(commandId),
    readStream: async (stream, from) => counted(await store.readStream(stream, from)),
    readAll: async (options) => counted(await store.readAll(options)),
    follow: (options) => store.follow(options),
    head: () => store.head(),
    kept: async ({ name }) => ({ position, rows: rowsOf(name === 'jobs' ? jobModel : vmModel) }),
    close: () => store.close(),
  };
  return { store: kept, read: () => read };
}

describe('a scheduler that starts again', () => {
  it('holds the jobs and VMs that it would have folded from the whole log, and reads of it what is alive and what is new', async () => {
    const store = createMemoryEventStore();
    for (let n = 1; n <= 40; n++) await write(store, n, n % 10 === 0 ? 4 : 7, n % 10 === 0 ? 3 : 4);
    const { store: before, read } = await keeping(store);
    await write(store, 41, 7, 4);
    const clock = manualClock();
    const [jobs, vms] = [await openJobs(before, clock), await VmMap.open(before)];
    const [folded, map] = [await openJobs(store, clock), await VmMap.open(store)];
    expect(jobs.log.ids()).toEqual(folded.log.ids());
    for (const id of folded.log.ids()) {
      const whole = folded.known(id);
      // Nobody reads again what ranks have read.
      const ended = whole?.status === 'completed';
      expect(jobs.known(id)).toEqual(ended && id !== 'job-41' ? { ...whole, spec: { ...whole.spec, stdin: '' } } : whole);
      expect([jobs.log.sequence(id), jobs.log.revision(id)]).toEqual([folded.log.sequence(id), folded.log.revision(id)]);
    }
    expect(jobs.live().map(({ jobId }) => jobId)).toEqual(['job-10', 'job-20', 'job-30', 'job-40']);
    expect(vms.all()).toEqual(map.all());
    expect(vms.get('vm-7')).toMatchObject({ epoch: 7, version: 4, state: { status: 'shut-down' } });
    // Four live jobs of 4 events, and what was written since.
    expect(read()).toBe(4 * 4 + 7 + 4);
    await Promise.all([vms.stop(), map.stop()]);
  });
});

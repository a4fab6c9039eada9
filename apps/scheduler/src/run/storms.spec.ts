/** Schedulers and nodes that die at random moments, seeded, in virtual time. VERBENA_STORMS says how many seeds; one that fails is had again by its number. */
import { jobv1 } from '@verbena/contracts';
import { seededRandom } from '@verbena/service-kit/testing';
import { describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '../testing/cluster.ts';

const { JobState, NodeLossPolicy } = jobv1;
const seeds = Number(process.env['VERBENA_STORMS'] ?? 40);
const over = [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED];

async function beat(cluster: TestCluster): Promise<void> {
  await cluster.clock.advance(500);
  for (const agent of cluster.agents) await agent.heartbeat().catch(() => agent.register().catch(() => undefined));
}

async function storm(seed: number): Promise<void> {
  const random = seededRandom(seed * 104_729 + 7);
  const roll = (sides: number): number => (random(1)[0] ?? 0) % sides;
  const cluster = await testCluster([1, 1, 1]);
  for (const agent of cluster.agents) agent.autoExit = true;
  const ids: string[] = [];
  const doom = (): void => {
    let left = 1 + roll(24);
    cluster.fate = () => --left === 0;
  };
  const survive = async (): Promise<void> => {
    if (!cluster.life.dead) return;
    cluster.fate = () => false;
    await cluster.succeed();
    await beat(cluster);
  };
  // As clients do: under the same key, until it is acknowledged.
  const submit = async (key: string, processes: number): Promise<string> => {
    for (;;) {
      const spec = { processes, onNodeLoss: NodeLossPolicy.REQUEUE, maxRequeues: 100 };
      const job = await cluster.submit(spec, key).catch(() => undefined);
      if (job !== undefined) return job.id;
      await survive();
    }
  };
  for (let step = 0; step < 12; step++) {
    await survive();
    const what = roll(6);
    if (what < 2) ids.push(await submit(`${String(seed)}/${String(step)}`, 1 + roll(3)));
    else if (what === 2) doom();
    else if (what === 3) {
      const agent = cluster.agent(roll(3));
      agent.vms.clear();
      agent.running.clear();
      // A process that starts has no epoch: it registers before it beats, however long that takes.
      agent.epoch = 0n;
      await agent.register().catch(() => undefined);
    } else if (what === 4) cluster.images.away = roll(2) === 0;
    else await beat(cluster);
    for (let turn = roll(12); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    if (cluster.life.dead) await survive();
    cluster.fate = what === 2 ? cluster.fate : () => false;
  }
  cluster.images.away = false;
  cluster.fate = () => false;
  await survive();
  for (let turn = 0; ; turn++) {
    const jobs = await Promise.all(ids.map((id) => cluster.job(id)));
    if (jobs.every(({ state }) => over.includes(state))) {
      expect(jobs.map(({ state, reason }) => [state, reason])).toEqual(ids.map(() => [JobState.COMPLETED, '']));
      break;
    }
    if (turn === 300) throw new Error(jobs.map(({ id, state, reason }) => `${id} is ${JobState[state]} (${reason})`).join('; '));
    if (turn % 3 === 2) await beat(cluster);
    for (let wait = 0; wait < 5; wait++) await new Promise((resolve) => setImmediate(resolve));
  }
  // At most one start of each rank in each attempt.
  for (const id of ids) {
    const { attempt } = await cluster.job(id);
    const starts = await cluster.store.readAll({ filter: { correlationId: id, types: ['VmStarted'] } });
    const byRank = Map.groupBy(starts, ({ event }) => (event.data as { rank: number }).rank);
    for (const of of byRank.values()) expect(of.length).toBeLessThanOrEqual(attempt);
  }
  await cluster.eventually('no rank is left', () => cluster.agents.every(({ running }) => running.size === 0));
  await cluster.stop();
}

describe('a storm in virtual time', () => {
  it(
    `of dying schedulers, nodes that come anew and an image manager that goes away: ${String(seeds)} seeds`,
    async () => {
      for (let seed = 1; seed <= seeds; seed++)
        await storm(seed).catch((cause: unknown) => {
          throw new Error(`seed ${String(seed)}: ${String(cause)}`, { cause });
        });
    },
    30_000 + seeds * 1_000,
  );
});

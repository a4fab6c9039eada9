/** A scheduler that dies at each of its moments on a job's way, in the place of which another goes on. The moments are found by a run without trouble. */
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1 } from '@verbena/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '../testing/cluster.ts';
import { endSaga } from './end-saga.ts';
import { startSaga } from './start-saga.ts';

const { JobState } = jobv1;
const over = [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED];

let cluster: TestCluster;
afterEach(() => cluster.stop());

async function begin(): Promise<void> {
  cluster = await testCluster([1, 1, 1]);
  for (const agent of cluster.agents) agent.autoExit = true;
}

/** Lets the job go on to its end, with a successor for a scheduler that has died, and time for what waits. */
async function toItsEnd(id: string): Promise<jobv1.Job> {
  for (let turn = 0; turn < 400; turn++) {
    if (cluster.life.dead) {
      cluster.fate = () => false;
      await cluster.succeed();
      for (const agent of cluster.agents) await agent.heartbeat().catch(() => undefined);
    }
    const job = await cluster.job(id).catch(() => undefined);
    if (job !== undefined && over.includes(job.state)) return job;
    if (turn % 10 === 9) {
      await cluster.clock.advance(500);
      for (const agent of cluster.agents) await agent.heartbeat().catch(() => undefined);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${id} does not end; the scheduler's last moments were ${cluster.life.moments.slice(-5).join(', ')}`);
}

async function nothingIsLeft(id: string): Promise<void> {
  await cluster.eventually('no rank runs', () => cluster.agents.every((agent) => agent.ranksOf(id).length === 0));
  await cluster.eventually('the output is sealed', () => cluster.sealed.includes(id));
  // No program was started twice in an attempt.
  const starts = (await cluster.store.readAll({ filter: { correlationId: id, types: ['VmStarted'] } })).map(({ stream }) => stream);
  expect(new Set(starts).size).toBe(starts.length);
  const next = await cluster.submit({ processes: 3 });
  expect((await toItsEnd(next.id)).state).toBe(JobState.COMPLETED);
}

/** The moments of a job's way through the scheduler, from the answer to its submission on. */
async function momentsOf(way: () => Promise<unknown>): Promise<string[]> {
  await begin();
  const before = cluster.life.moments.length;
  await way();
  const moments = cluster.life.moments.slice(before);
  await cluster.stop();
  return moments;
}

const completes = async (): Promise<string> => {
  const { id } = await cluster.submit({ processes: 2 });
  expect((await toItsEnd(id)).state).toBe(JobState.COMPLETED);
  return id;
};

describe('a job completes and leaves nothing, whenever the scheduler dies', () => {
  it('at each moment of its start and of its end', async () => {
    const moments = await momentsOf(completes);
    // Every step that does something beyond the log is among them.
    for (const what of ['bootVm', 'startRanks', 'sealOutput', 'JobPlaced', 'JobStarted', 'JobCompleted'])
      expect(moments.join()).toContain(what);
    const first = moments.findIndex((moment) => moment.startsWith('after append JobSubmitted'));
    for (let at = first + 1; at < moments.length; at++) {
      await begin();
      const { id } = await submitted(at);
      const job = await toItsEnd(id);
      expect([job.state, job.reason], moments[at]).toEqual([JobState.COMPLETED, '']);
      await nothingIsLeft(id);
      await cluster.stop();
    }
    await begin();
  });

  it('twice, at any two of them', async () => {
    for (let at = 4; at < 30; at += 3) {
      await begin();
      const { id } = await submitted(at);
      const succeed = cluster.succeed;
      let left = 1 + (at % 7);
      const dieAgain = async (): Promise<void> => {
        await succeed();
        cluster.fate = () => --left === 0;
      };
      cluster.succeed = dieAgain;
      expect((await toItsEnd(id)).state).toBe(JobState.COMPLETED);
      cluster.succeed = succeed;
      cluster.fate = () => false;
      await nothingIsLeft(id);
      await cluster.stop();
    }
    await begin();
  });
});

/** Submits a job to a scheduler that dies at its n-th moment. */
async function submitted(at: number): Promise<jobv1.Job> {
  let left = at + 1;
  const before = cluster.life.moments.length;
  cluster.fate = () => --left === 0;
  expect(before).toBeGreaterThan(0);
  return cluster.submit({ processes: 2 });
}

describe('a cancelled job is gone', () => {
  it('at whatever moment it is cancelled, also when the scheduler dies then', async () => {
    const moments = await momentsOf(completes);
    for (let at = 3; at < moments.length; at += 2) {
      for (const dies of [false, true]) {
        await begin();
        for (const agent of cluster.agents) agent.autoExit = at % 4 === 0;
        let left = at + 1;
        let hit = false;
        cluster.fate = () => {
          if (--left !== 0) return false;
          hit = true;
          return false;
        };
        const { id } = await cluster.submit({ processes: 2 });
        for (let turn = 0; turn < 100 && !hit; turn++) await new Promise((resolve) => setImmediate(resolve));
        await cluster.cancel(id);
        if (dies) cluster.life.die();
        const job = await toItsEnd(id);
        expect([JobState.CANCELLED, JobState.COMPLETED]).toContain(job.state);
        for (const agent of cluster.agents) agent.autoExit = true;
        await nothingIsLeft(id);
        await cluster.stop();
      }
    }
    await begin();
  });
});

describe('each step that fails', () => {
  /** How each step is made to fail for good; a step that is not here fails to compile. */
  const failures: Readonly<Record<'match' | 'place' | 'distribute' | 'boot' | 'start' | 'connect', () => void>> = {
    match: () => undefined,
    place: () => undefined,
    distribute: () => void (cluster.images.distributionError = 'the disk of node-0 is full'),
    boot: () => cluster.agents.forEach((agent) => (agent.bootError = 'no memory left')),
    start: () => undefined,
    connect: () => cluster.agents.forEach((agent) => (agent.startError = 'an input file is missing')),
  };
  const fallible = ['distribute', 'boot', 'connect'] as const;

  it('is in the table of tests, and every step of the table is', () => {
    expect(startSaga.map(({ name }) => name)).toEqual(Object.keys(failures));
    expect(endSaga.map(({ name }) => name)).toEqual(['stop', 'free', 'collect', 'finish']);
  });

  it.each(fallible)('%s: the job fails with the reason, and its cores are free', async (step) => {
    await begin();
    failures[step]();
    const { id } = await cluster.submit({ processes: 2 });
    const job = await toItsEnd(id);
    expect([job.state, job.reason]).toEqual([JobState.FAILED, expect.stringMatching(/disk|memory|input file/)]);
    cluster.images.distributionError = undefined;
    for (const agent of cluster.agents) agent.bootError = agent.startError = undefined;
    await nothingIsLeft(id);
  });

  it('match, and the image manager is away: the job waits, says why, and goes on', async () => {
    await begin();
    cluster.images.away = true;
    const { id } = await cluster.submit({ processes: 2 });
    await cluster.eventually('it says why', async () => /image manager does not answer/.test((await cluster.job(id)).reason));
    for (let second = 0; second < 60; second++) {
      await cluster.clock.advance(1_000);
      for (const agent of cluster.agents) await agent.heartbeat();
    }
    cluster.images.away = false;
    expect((await toItsEnd(id)).state).toBe(JobState.COMPLETED);
  });

  it('collect, and storage is away: the job ends when its output is sealed, and its cores are free meanwhile', async () => {
    await begin();
    cluster.sealError = new ConnectError('not now', Code.Unavailable);
    const { id } = await cluster.submit({ processes: 3 });
    await cluster.eventually('it says why', async () => /storage does not answer/.test((await cluster.job(id)).reason));
    const next = await cluster.submit({ processes: 3 });
    await cluster.eventually('the next one has run', async () =>
      (await cluster.job(next.id)).ranks.every(({ state }) => state === jobv1.RankState.EXITED),
    );
    cluster.sealError = undefined;
    for (const job of [id, next.id]) expect((await toItsEnd(job)).state).toBe(JobState.COMPLETED);
  });
});

describe('a scheduler that is not the leader any more', () => {
  it('acknowledges nothing, and places nothing', async () => {
    await begin();
    const old = cluster.life;
    await cluster.succeedBeside();
    for (const agent of cluster.agents) await agent.heartbeat();
    const append = old.store.append([{ stream: 'leader-scheduler', expectedVersion: 'any', events: [] }], {
      metadata: { actor: 'scheduler', tenant: 'default', epoch: 1 },
    });
    expect(await append).toMatchObject({ ok: false, reason: 'stale-epoch' });
    const { id } = await cluster.submit({ processes: 2 });
    const job = await toItsEnd(id);
    expect([job.state, job.reason]).toEqual([JobState.COMPLETED, '']);
    const epochs = (await cluster.store.readStream(id)).map(({ metadata }) => metadata.epoch);
    expect(new Set(epochs)).toEqual(new Set([2]));
  });
});

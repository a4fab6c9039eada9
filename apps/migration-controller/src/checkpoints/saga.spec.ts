/** A job is saved, or it is not: whatever fails, whoever dies, whenever it is cancelled, its ranks run at the end, and what is no checkpoint leaves nothing. */
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1 } from '@verbena/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { savingWorld, type SavingWorld } from '../testing/saving-world.ts';

let w: SavingWorld;
beforeEach(async () => {
  w = await savingWorld();
});
afterEach(() => w.stop());

/** The end of a checkpoint, whichever it is: ranks run, and storage has all of it or nothing. */
async function isWhole(id: string): Promise<string> {
  const { phase } = await w.toItsEnd(id);
  expect([...w.standing], `${id} ${phase}`).toEqual([]);
  expect([...(w.kept.get(id) ?? [])].sort(), `${id} ${phase}`).toEqual(phase === 'stored' ? ['node-0', 'node-1'] : []);
  return phase;
}

describe('a job that is saved', () => {
  it('stands until all of it is captured, and runs while that is stored', async () => {
    const id = await w.save();
    expect(await isWhole(id)).toBe('stored');
    expect(await w.story(id)).toEqual(['CheckpointStarted', 'CheckpointQuiescing', 'CheckpointTaken', 'CheckpointStored']);
    const stages = w.calls.map((call) => call.split(' ')[1]).filter((stage, index, all) => stage !== all[index - 1]);
    expect(stages).toEqual(['standStill', 'capture', 'goOn', 'store']);
    expect(await w.toItsEnd(id)).toMatchObject({ number: 1, bytes: 16_000n, newBytes: 8_000n, saved: [{ rank: 0 }, { rank: 1 }] });
  });

  it('is saved again as an increment of the last one, and of none of another attempt', async () => {
    const first = await w.save();
    await isWhole(first);
    const second = await w.save();
    await isWhole(second);
    w.job.attempt = 2;
    await isWhole(await w.save());
    expect(w.bases).toEqual(['', '', first, first, '', '']);
    expect((await w.list()).map(({ number }) => number)).toEqual([3, 2, 1]);
  });

  it('is refused where it does not run, is about to end, or is being saved', async () => {
    const id = await w.save();
    await expect(w.save()).rejects.toThrow(`is being saved already, by ${id}`);
    await isWhole(id);
    w.job.ended = true;
    await expect(w.save()).rejects.toThrow(/rank 1 of job-1 has ended/);
    w.job.state = jobv1.JobState.COMPLETED;
    await expect(w.save()).rejects.toThrow(/not running/);
  });

  it('keeps its last checkpoints, and lets go of older ones', async () => {
    const ids: string[] = [];
    for (let round = 0; round < 4; round++) {
      ids.push(await w.save());
      await isWhole(ids.at(-1) ?? '');
    }
    for (const id of ids.slice(0, 2)) while (w.kept.has(id)) await new Promise((resolve) => setImmediate(resolve));
    expect([...w.kept.keys()]).toEqual(ids.slice(2));
    expect(await w.story(ids[0] ?? '')).toEqual(expect.arrayContaining(['CheckpointRemoving', 'CheckpointRemoved']));
  });

  it('has a checkpoint removed when somebody says so, once', async () => {
    const id = await w.save();
    await expect(w.remove(id)).rejects.toMatchObject({ code: Code.FailedPrecondition });
    await isWhole(id);
    await w.remove(id);
    while (w.kept.has(id)) await new Promise((resolve) => setImmediate(resolve));
    await w.remove(id);
    await expect(w.cancel(id)).rejects.toThrow(/remove/);
  });
});

describe('a step that fails', () => {
  it.each(['node-1 standStill', 'node-0 capture', 'node-1 capture', 'node-0 goOn', 'node-1 store'])(
    'for good, %s, leaves the job running and nothing in storage',
    async (what) => {
      w.failing.set(what, 'always');
      const id = await w.save();
      expect(await isWhole(id)).toBe('failed');
      expect((await w.toItsEnd(id)).detail).toContain(`${what} fails`);
      w.failing.clear();
      expect(await isWhole(await w.save())).toBe('stored');
    },
  );

  it('for a moment while the parts are stored is tried again', async () => {
    w.failing.set('node-1 store', 'once');
    expect(await isWhole(await w.save())).toBe('stored');
  });

  it('for a moment while the ranks stand fails the checkpoint: they are not kept waiting', async () => {
    w.failing.set('node-1 capture', 'once');
    expect(await isWhole(await w.save())).toBe('failed');
  });

  it('when storage is away: what is no checkpoint is let go as soon as it is back', async () => {
    w.failing.set('node-1 store', 'always');
    w.failing.set('storage remove', 'once');
    expect(await isWhole(await w.save())).toBe('failed');
    expect(w.calls.filter((call) => call === 'storage remove')).toHaveLength(2);
  });

  it('since a rank has ended meanwhile says so', async () => {
    w.fate = (moment) => {
      if (moment === 'after append CheckpointStarted') w.job.ended = true;
      return false;
    };
    const id = await w.save();
    expect(await isWhole(id)).toBe('failed');
    expect((await w.toItsEnd(id)).detail).toMatch(/rank 1 of job-1 has ended/);
  });
});

/** The only checkpoint so far. */
const inTheLog = async (): Promise<string> => (await w.store.readAll({ filter: { stream: 'ckpt-*' }, limit: 1 }))[0]?.stream ?? '';

/** The moments of a checkpoint, found by one without trouble. */
async function moments(): Promise<readonly string[]> {
  const before = w.life.moments.length;
  await isWhole(await w.save());
  const all = w.life.moments.slice(before);
  await w.stop();
  w = await savingWorld();
  return all;
}

const startsAt = (all: readonly string[]): number => all.findIndex((moment) => moment === 'after append CheckpointStarted') + 1;

describe('a controller that dies', () => {
  it('at any moment has a successor: what was captured is stored, a cut that was being made comes to nothing', async () => {
    const all = await moments();
    const ends = new Set<string>();
    for (let at = startsAt(all); at < all.length; at++) {
      const before = w.life.moments.length;
      w.fate = () => w.life.moments.length - before === at + 1;
      await w.save().catch(() => undefined);
      ends.add(await isWhole(await inTheLog()));
      expect(await isWhole(await w.save()), all[at]).toBe('stored');
      await w.stop();
      w = await savingWorld();
    }
    expect([...ends].sort()).toEqual(['failed', 'stored']);
  });
});

describe('a checkpoint that is cancelled', () => {
  it('at any moment is stored, or nothing, as the log has decided', async () => {
    const all = await moments();
    const ends = new Set<string>();
    for (let at = startsAt(all); at < all.length; at++) {
      const before = w.life.moments.length;
      let cancelled: Promise<unknown> | undefined;
      w.fate = () => {
        if (w.life.moments.length - before === at + 1)
          cancelled = inTheLog()
            .then((id) => w.cancel(id))
            .catch((error: unknown) => error);
        return false;
      };
      const phase = await isWhole(await w.save());
      ends.add(phase);
      const answer = await cancelled;
      if (answer instanceof ConnectError) expect([phase, answer.code], all[at]).toEqual(['stored', Code.FailedPrecondition]);
      await w.stop();
      w = await savingWorld();
    }
    expect([...ends].sort()).toEqual(['cancelled', 'stored']);
  });
});

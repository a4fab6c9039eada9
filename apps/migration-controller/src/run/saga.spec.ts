/** A VM moves, or stays: whatever fails, whoever dies, whenever it is cancelled, one copy of it runs at the end, and it is the owner's. */
import { Code, ConnectError } from '@connectrpc/connect';
import { migrationv1 } from '@verbena/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { world, type World } from '../testing/world.ts';

let w: World;
beforeEach(async () => {
  w = await world();
});
afterEach(() => w.stop());

const atHome = { 'vm-a@node-0': 'running', 'vm-b@node-1': 'running' };
const movedAway = { 'vm-a@node-2': 'running', 'vm-b@node-1': 'running' };
const copies = (): Record<string, string> => Object.fromEntries([...w.copies].sort());

/** The end of a migration, whichever it is, leaves one running copy and nothing besides. */
async function isWhole(id: string): Promise<string> {
  const { phase } = await w.toItsEnd(id);
  const moved = phase === 'completed';
  expect(copies(), `${id} ${phase}`).toEqual(moved ? movedAway : atHome);
  expect(await w.owner('vm-a')).toMatchObject({ status: 'running', nodeId: moved ? 'node-2' : 'node-0' });
  expect([...w.holds]).toEqual([]);
  return phase;
}

describe('a VM that moves', () => {
  it('is copied in rounds, stands while the rest is sent, and belongs to its target when it goes on', async () => {
    const id = await w.migrate();
    expect(await isWhole(id)).toBe('completed');
    expect(await w.story(id)).toEqual([
      'MigrationStarted',
      'MigrationRoundDone',
      'MigrationRoundDone',
      'MigrationQuiescing',
      'MigrationSuspended',
      'MigrationHandedOver',
      'MigrationCompleted',
    ]);
    const order = ['node-0 precopy', 'node-0 suspend', 'node-2 restore', 'node-2 release', 'scheduler settle', 'node-0 discard'];
    expect(w.calls.filter((call) => order.includes(call))).toEqual(order);
    // From when it stands until all go on, nothing is written but the hand-over.
    const { moments } = w.life;
    const between = moments.slice(moments.indexOf('before suspend'), moments.lastIndexOf('before release'));
    expect(between.filter((moment) => moment.startsWith('before append'))).toEqual([
      'before append MigrationSuspended+MigrationHandedOver+VmHandedOver',
    ]);
    // Everybody stood before the first was suspended.
    expect(w.calls.lastIndexOf('node-1 quiesce')).toBeLessThan(w.calls.indexOf('node-0 suspend'));
    const events = await w.store.readStream('vm-a');
    expect(events.at(-1)).toMatchObject({ event: { type: 'VmHandedOver', data: { nodeId: 'node-2' } }, metadata: { epoch: 2 } });
  });

  it('can no longer be written by the node that had it', async () => {
    await isWhole(await w.migrate());
    await expect(w.append('vm-a', { type: 'VmIdle', data: { jobId: 'job-1' } }, 1)).rejects.toThrow('stale-epoch');
  });

  it('moves on, and back', async () => {
    await isWhole(await w.migrate());
    expect((await w.toItsEnd(await w.migrate('vm-a', 'node-0'))).phase).toBe('completed');
    expect(copies()).toEqual(atHome);
    const fences = (await w.store.readAll({ filter: { types: ['VmHandedOver'] } })).map(({ metadata }) => metadata.epoch);
    expect(fences).toEqual([2, 3]);
  });

  it('stands for one migration at a time with the others of its job', async () => {
    const ids = await Promise.all([w.migrate('vm-a', 'node-2'), w.migrate('vm-b', 'node-2')]);
    const ends = [];
    for (const id of ids) ends.push((await w.toItsEnd(id)).phase);
    expect(ends).toEqual(['completed', 'completed']);
    expect(copies()).toEqual({ 'vm-a@node-2': 'running', 'vm-b@node-2': 'running' });
    const turns = w.calls.flatMap((call) => / (quiesce|release)$/.exec(call)?.[1] ?? []);
    const switches = turns.filter((turn, index) => turn !== turns[index - 1]);
    expect(switches).toEqual(['quiesce', 'release', 'quiesce', 'release']);
    // Whoever waited asks again where the others are.
    expect(w.calls.lastIndexOf('scheduler reserve')).toBeGreaterThan(w.calls.indexOf('scheduler settle'));
    expect(w.calls.filter((call) => call === 'node-2 quiesce')).toHaveLength(1);
  });

  it('waits while its node has a part in as many migrations as may be, and says so', async () => {
    await w.stop();
    w = await world({ limits: { perNode: 1, inAll: 8 } });
    const [first = '', second = ''] = await Promise.all([w.migrate('vm-a', 'node-2'), w.migrate('vm-b', 'node-2')]);
    let said = '';
    while (said === '') {
      const { migration } = await w.get(second);
      said = migration?.detail ?? '';
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(said).toMatch(/^node-2 has a part in 1 migrations/);
    expect([(await w.toItsEnd(first)).phase, (await w.toItsEnd(second)).phase]).toEqual(['completed', 'completed']);
    expect(w.calls.indexOf('node-1 precopy')).toBeGreaterThan(w.calls.indexOf('node-0 discard'));
  });

  it('asks ranks at their polls, or in calls of MPI only when that is the design', async () => {
    expect(await isWhole(await w.migrate('vm-a', '', migrationv1.MigrationMode.PRECOPY, migrationv1.MigrationDesign.PE))).toBe('completed');
    expect(w.calls.filter((call) => call.includes('quiesce'))).toEqual(['node-0 quiesce in calls only', 'node-1 quiesce in calls only']);
  });

  it('is refused where it cannot be, or is on its way already', async () => {
    await expect(w.migrate('vm-z')).rejects.toMatchObject({ code: Code.NotFound });
    await expect(w.migrate('vm-a', 'node-0')).rejects.toThrow(/on node-0 already/);
    await expect(w.migrate('vm-a', 'node-9')).rejects.toThrow(/no node "node-9"/);
    const id = await w.migrate();
    await expect(w.migrate()).rejects.toThrow(`is being moved already, by ${id}`);
    expect(await isWhole(id)).toBe('completed');
  });
});

const beforeHandOver = [
  'image-manager distribute',
  'node-2 prepareIncoming',
  'node-0 precopy',
  'node-0 quiesce',
  'node-1 quiesce',
  'node-0 suspend',
  'node-2 restore',
];
const afterHandOver = ['scheduler settle', 'node-2 release', 'node-1 release', 'node-0 discard'];

describe('a step that fails', () => {
  it.each(beforeHandOver)('%s: for good, the VM stays, and nothing of the migration is left', async (step) => {
    w.failing.set(step, 'always');
    const id = await w.migrate();
    expect(await isWhole(id)).toBe('failed');
    expect((await w.story(id)).slice(-2)).toEqual(['MigrationUndoing', 'MigrationFailed']);
    w.failing.clear();
    expect(await isWhole(await w.migrate())).toBe('completed');
  });

  it.each([...beforeHandOver.filter((step) => !step.endsWith('quiesce')), ...afterHandOver.slice(0, 3)])(
    '%s: once, it is done again',
    async (step) => {
      w.failing.set(step, 'once');
      expect(await isWhole(await w.migrate())).toBe('completed');
    },
  );

  it('after the hand-over is tried until it succeeds', async () => {
    w.failing.set('node-2 release', 'always');
    const id = await w.migrate();
    for (let turn = 0; turn < 200; turn++) {
      if (turn % 10 === 9) await w.clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await w.phase(id)).toBe('handed-over');
    w.failing.clear();
    expect(await isWhole(id)).toBe('completed');
  });

  it('after the hand-over ends the migration when the VM is lost with its new owner', async () => {
    w.failing.set('node-2 release', 'always');
    const id = await w.migrate();
    w.fate = (moment) => moment === 'after append MigrationSuspended+MigrationHandedOver+VmHandedOver';
    while (!w.life.dead) await new Promise((resolve) => setImmediate(resolve));
    w.fate = () => false;
    await w.append('vm-a', { type: 'VmLost', data: { reason: 'node-2 is lost' } }, 3);
    expect(await w.toItsEnd(id)).toMatchObject({ phase: 'failed', detail: expect.stringContaining('node-2 is lost') as string });
    expect([...w.holds]).toEqual([]);
  });

  it('at a source that has called the migration off keeps the VM there', async () => {
    const id = await w.migrate();
    await w.append('vm-a', { type: 'VmStayed', data: { migrationId: id, reason: 'silence' } });
    expect(await isWhole(id)).toBe('failed');
  });
});

/** The moments of a migration, found by one without trouble. */
async function moments(): Promise<readonly string[]> {
  const before = w.life.moments.length;
  await isWhole(await w.migrate());
  const all = w.life.moments.slice(before);
  await w.stop();
  w = await world();
  return all;
}

/** The only migration so far. */
const inTheLog = async (): Promise<string> => (await w.store.readAll({ filter: { stream: 'mig-*' }, limit: 1 }))[0]?.stream ?? '';

const startsAt = (all: readonly string[]): number => all.findIndex((moment) => moment === 'after append MigrationStarted') + 1;

describe('a controller that dies', () => {
  it('at any moment has a successor that brings the migration to its end', async () => {
    const all = await moments();
    for (const what of ['suspend', 'restore', 'append MigrationSuspended+MigrationHandedOver+VmHandedOver', 'settleMove', 'discard'])
      expect(all.join()).toContain(what);
    for (let at = startsAt(all); at < all.length; at++) {
      const before = w.life.moments.length;
      w.fate = () => w.life.moments.length - before === at + 1;
      // The answer may be lost with the one who gave it.
      await w.migrate().catch(() => undefined);
      expect(await isWhole(await inTheLog()), all[at]).toBe('completed');
      await w.stop();
      w = await world();
    }
  });
});

describe('a migration that is cancelled', () => {
  it('at any moment stays or moves, as the log has decided', async () => {
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
      const id = await w.migrate();
      const phase = await isWhole(id);
      ends.add(phase);
      const answer = await cancelled;
      if (answer instanceof ConnectError) expect([phase, answer.code], all[at]).toEqual(['completed', Code.FailedPrecondition]);
      else expect(['cancelled', 'completed'], all[at]).toContain(phase);
      await w.stop();
      w = await world();
    }
    expect([...ends].sort()).toEqual(['cancelled', 'completed']);
  });
});

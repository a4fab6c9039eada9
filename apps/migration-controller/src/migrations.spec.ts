import { createMemoryEventStore } from '@verbena/event-sourcing';
import { manualClock } from '@verbena/service-kit/testing';
import { describe, expect, it } from 'vitest';
import { Migrations } from './migrations.ts';

describe('the migrations of a cluster', () => {
  it('are kept until so many have ended after them, and found by their id for ever', async () => {
    const store = createMemoryEventStore();
    const write = async (...ids: readonly string[]): Promise<void> => {
      const data = { vmId: 'vm-a', sourceNodeId: 'node-0', targetNodeId: 'node-1', obstacles: ['no'], at: 1 };
      for (const stream of ids)
        await store.append([{ stream, expectedVersion: 0, events: [{ type: 'MigrationRefused', data }] }], {
          metadata: { actor: 'ada', tenant: 'default' },
        });
    };
    await write('mig-1', 'mig-2', 'mig-3');
    const migrations = await Migrations.open(store, manualClock(), 2);
    const ids = (): string[] => migrations.all().map(([id]) => id);
    expect(ids()).toEqual(['mig-2', 'mig-3']);
    await write('mig-4');
    while (migrations.get('mig-4') === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(ids()).toEqual(['mig-3', 'mig-4']);
    expect(await migrations.find('mig-1')).toMatchObject({ status: 'refused', vmId: 'vm-a' });
    expect(await migrations.find('mig-5')).toEqual({ status: 'none' });
    await migrations.stop();
  });
});

import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import { createMemoryEventStore } from '@verbena/event-sourcing';
import { testContext, type TestContext } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMigrationController } from './index.ts';

const { VmState } = vmv1;
const { NodeState } = nodev1;

describe('the migration controller', () => {
  let context: TestContext;
  const store = createMemoryEventStore();
  const serveSome = <S extends DescService>(service: S, some: Partial<ServiceImpl<S>>) =>
    context.bus.serve(service, some as ServiceImpl<S>);

  beforeEach(async () => {
    context = await testContext();
    await serveSome(vmv1.VmService, {
      getVm({ id }) {
        if (id !== 'vm-a') throw new ConnectError(`there is no VM ${id}`, Code.NotFound);
        return { vm: { id, nodeId: 'node-0', state: VmState.RUNNING, vcpus: 1, memoryBytes: 64n } };
      },
    });
    await serveSome(nodev1.NodeService, {
      listNodes: () => ({
        nodes: [
          { id: 'node-0', state: NodeState.READY, cores: 2, coresUsed: 1, memoryBytes: 100n },
          { id: 'node-1', state: NodeState.DRAINED, cores: 2, coresUsed: 2, memoryBytes: 100n, memoryUsedBytes: 90n },
        ],
      }),
    });
  });
  afterEach(() => context.dispose());

  it('refuses to move a VM with a bypass adapter, and names everything else that stands against it', async () => {
    const service = await startMigrationController(context, { store });
    const client = context.bus.client(migrationv1.MigrationService);
    const { possible, obstacles } = await client.checkMigration({ vmId: 'vm-a', targetNodeId: 'node-1' });
    expect(possible).toBe(false);
    expect(obstacles.join('\n')).toMatch(/bypass adapter[^]*drained[^]*0 free cores[^]*10 bytes/);
    expect((await client.checkMigration({ vmId: 'vm-a', targetNodeId: 'node-9' })).obstacles).toContainEqual(
      expect.stringContaining('no node'),
    );
    await expect(client.checkMigration({ vmId: 'vm-b', targetNodeId: 'node-1' })).rejects.toThrow(/no VM/);
    await service.stop();
  });

  it('lists the migrations of its log, newest first', async () => {
    const data = { vmId: 'vm-a', sourceNodeId: 'node-0', targetNodeId: 'node-1', obstacles: ['no'], at: 1 };
    for (const stream of ['mig-1', 'mig-2']) {
      const events = [{ type: 'MigrationRefused', data }];
      await store.append([{ stream, expectedVersion: 0, events }], { metadata: { actor: 'ada', tenant: 'default' } });
    }
    const service = await startMigrationController(context, { store });
    const { migrations } = await context.bus.client(migrationv1.MigrationService).listMigrations({});
    expect(migrations.map(({ id, phase }) => `${id} ${phase}`)).toEqual(['mig-2 refused', 'mig-1 refused']);
    await service.stop();
  });
});

import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import { migrationDecider, obstacles, type MigratingVm, type MigrationEvent, type TargetNode } from './index.ts';

const vm: MigratingVm = { id: 'vm-a', nodeId: 'node-0', up: true, state: 'running', vcpus: 1, memoryBytes: 100, bypassAdapter: false };
const target: TargetNode = { id: 'node-1', closed: undefined, freeCores: 1, freeMemoryBytes: 100 };

describe('what stands against a migration', () => {
  it('is nothing, for a VM without a bypass adapter and a node with room', () => {
    expect(obstacles(vm, 'node-1', target)).toEqual([]);
  });

  it.each<[string, Partial<MigratingVm>, string, TargetNode | undefined, RegExp]>([
    ['a bypass adapter (R50)', { bypassAdapter: true }, 'node-1', target, /bypass adapter attached/],
    ['a VM that is gone', { up: false, state: 'shut-down' }, 'node-1', target, /is shut-down/],
    ['the node it is on', {}, 'node-0', undefined, /on node-0 already/],
    ['a node that does not exist', {}, 'node-9', undefined, /no node "node-9"/],
    ['no node', {}, '', undefined, /no target node/],
    ['a drained node', {}, 'node-1', { ...target, closed: 'drained' }, /is drained/],
    ['a full node', {}, 'node-1', { ...target, freeCores: 0 }, /0 free cores/],
    ['a node without memory', {}, 'node-1', { ...target, freeMemoryBytes: 10 }, /10 bytes of memory free; the VM needs 100/],
  ])('%s', (_what, change, targetId, node, expected) => {
    expect(obstacles({ ...vm, ...change }, targetId, node)).toEqual([expect.stringMatching(expected)]);
  });

  it('is all there is, not just the first', () => {
    expect(obstacles({ ...vm, bypassAdapter: true }, 'node-1', { ...target, closed: 'drained', freeCores: 0 })).toHaveLength(3);
  });
});

describe('a requested migration', () => {
  const request = { type: 'RequestMigration' as const, at: 5, data: { vm, targetNodeId: 'node-1', target } };
  const route = { vmId: 'vm-a', sourceNodeId: 'node-0', targetNodeId: 'node-1' };
  const planned: MigrationEvent = { type: 'MigrationPlanned', data: { ...route, at: 5 } };

  it('is planned, or refused with every obstacle', () => {
    given(migrationDecider).when(request).then(planned);
    given(migrationDecider)
      .when({ ...request, data: { ...request.data, vm: { ...vm, bypassAdapter: true } } })
      .thenState((state) => expect(state).toMatchObject({ status: 'refused', obstacles: [expect.stringContaining('bypass')] }));
  });

  it('cannot be requested twice', () => {
    given(migrationDecider, [planned]).when(request).thenRefused('already-requested');
    given(migrationDecider, [{ type: 'MigrationRefused', data: { ...route, obstacles: [], at: 5 } }])
      .when(request)
      .thenRefused('already-requested');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { place, policyNames, type ClusterView, type IdleVm, type JobShape, type PlacementNode, type PolicyName } from './index.ts';

const GiB = 2 ** 30;
const node = (index: number, cores = 2, change: Partial<PlacementNode> = {}): PlacementNode => ({
  id: `node-${index}`,
  name: `host-${index}`,
  cores,
  memoryBytes: 8 * GiB,
  freeCores: cores,
  freeMemoryBytes: 8 * GiB,
  closed: undefined,
  cached: false,
  ...change,
});
const shape = (vms: number, change: Partial<JobShape> = {}): JobShape => ({
  vms,
  vcpus: 1,
  memoryBytes: GiB,
  imageDigest: 'sha256:1',
  imageBytes: 1 << 20,
  tenant: 'physics',
  ...change,
});
const idleVm = (id: string, nodeId: string, change: Partial<IdleVm> = {}): IdleVm => ({
  id,
  nodeId,
  imageDigest: 'sha256:1',
  tenant: 'physics',
  memoryBytes: GiB,
  vcpus: 1,
  idleSince: 0,
  ...change,
});
const nodes = (count: number, cores = 2): PlacementNode[] => Array.from({ length: count }, (_, index) => node(index, cores));
const run = (job: JobShape, cluster: Partial<ClusterView>, policy: PolicyName = 'cost', seed = 's') =>
  place(job, { nodes: [], idle: [], ...cluster }, { policy, seed });
const hosts = (result: ReturnType<typeof place>): string[] =>
  result.kind === 'placed' ? result.vms.map(({ nodeId }) => nodeId.slice(5)) : [result.reason];

describe('the cost policy', () => {
  it('spreads eight VMs over four hosts of two cores, neighbours together', () => {
    expect(hosts(run(shape(8), { nodes: nodes(4) }))).toEqual(['0', '0', '1', '1', '2', '2', '3', '3']);
  });

  it('balances a small image over the hosts, and keeps a large one on few of them (R23)', () => {
    expect(hosts(run(shape(4), { nodes: nodes(4, 4) }))).toEqual(['0', '1', '2', '3']);
    expect(hosts(run(shape(4, { imageBytes: 2 * GiB }), { nodes: nodes(4, 4) }))).toEqual(['0', '0', '0', '0']);
  });

  it('goes where the image is when moving it costs more than sharing a host', () => {
    const cluster = { nodes: [node(0, 4), node(1, 4, { cached: true })] };
    expect(hosts(run(shape(4, { imageBytes: GiB }), cluster))).toEqual(['1', '1', '1', '1']);
  });

  it('takes idle VMs first (R24)', () => {
    const cluster = { nodes: [node(0, 2), node(1, 2, { freeCores: 0 })], idle: [idleVm('vm-a', 'node-1'), idleVm('vm-b', 'node-1')] };
    expect(run(shape(2), cluster)).toMatchObject({
      kind: 'placed',
      vms: [{ reuse: 'vm-b' }, { reuse: 'vm-a' }],
      evict: [],
      cost: expect.any(Number),
    });
  });

  it('takes no VM of another tenant, image or size', () => {
    const idle = [
      idleVm('vm-a', 'node-0', { tenant: 'biology' }),
      idleVm('vm-b', 'node-0', { imageDigest: 'sha256:2' }),
      idleVm('vm-c', 'node-0', { memoryBytes: 2 * GiB }),
    ];
    const result = run(shape(1), { nodes: [node(0, 4, { freeCores: 1 })], idle });
    expect(result).toMatchObject({ kind: 'placed', vms: [{ reuse: undefined }], evict: [] });
  });

  it('destroys the VM that has been idle longest when a core is needed, and none before', () => {
    const idle = [
      idleVm('vm-new', 'node-0', { imageDigest: 'sha256:2', idleSince: 9 }),
      idleVm('vm-old', 'node-0', { imageDigest: 'sha256:2', idleSince: 1 }),
    ];
    const result = run(shape(1), { nodes: [node(0, 2, { freeCores: 0 })], idle });
    expect(result).toMatchObject({ kind: 'placed', evict: [{ id: 'vm-old' }] });
    const elsewhere = run(shape(1), { nodes: [node(0, 2, { freeCores: 0 }), node(1, 2)], idle });
    expect(elsewhere).toMatchObject({ kind: 'placed', vms: [{ nodeId: 'node-1' }], evict: [] });
  });
});

describe('the other policies', () => {
  it('pack fills hosts, spread uses as many as it can', () => {
    expect(hosts(run(shape(3), { nodes: nodes(3, 4) }, 'pack'))).toEqual(['0', '0', '0']);
    expect(hosts(run(shape(3), { nodes: nodes(3, 4) }, 'spread'))).toEqual(['0', '1', '2']);
  });

  it('random depends on the seed alone', () => {
    const at = (seed: string) => hosts(run(shape(4), { nodes: nodes(8) }, 'random', seed)).join();
    expect(at('a')).toBe(at('a'));
    expect(new Set(['a', 'b', 'c', 'd'].map(at)).size).toBeGreaterThan(1);
  });
});

describe('what cannot be placed', () => {
  it.each<[string, JobShape, Partial<ClusterView>, RegExp]>([
    ['more cores than there are', shape(8), { nodes: nodes(2) }, /^8 VMs of 1 vCPU need 8 cores; the cluster has 4$/],
    ['a VM larger than any host', shape(1, { vcpus: 4 }), { nodes: nodes(4) }, /1 VM of 4 vCPUs do not fit: the nodes have room for 0/],
    [
      'more memory than any host has',
      shape(1, { memoryBytes: 9 * GiB }),
      { nodes: nodes(1) },
      /9216 MiB of memory each do not fit.*the largest has 8192 MiB/,
    ],
    ['an empty cluster', shape(1), {}, /no nodes/],
  ])('never: %s', (_what, job, cluster, reason) => {
    const result = run(job, cluster);
    expect(result.kind).toBe('never');
    expect(hosts(result)[0]).toMatch(reason);
  });

  it.each<[string, Partial<ClusterView>, RegExp]>([
    ['busy cores', { nodes: [node(0, 2, { freeCores: 1 })] }, /it needs 2 cores, and 1 of 2 are free/],
    [
      'a closed host',
      { nodes: [node(0), node(1, 2, { closed: 'drained (fans)' }), node(2, 2, { freeCores: 0 })].slice(1) },
      /host-1 is drained \(fans\)/,
    ],
    ['busy memory', { nodes: [node(0, 2, { freeMemoryBytes: GiB })] }, /too little memory is free/],
  ])('not now: %s', (_what, cluster, reason) => {
    const result = run(shape(2), cluster);
    expect(result.kind).toBe('wait');
    expect(hosts(result)[0]).toMatch(reason);
  });
});

const clusters = fc
  .array(
    fc.record({ cores: fc.integer({ min: 1, max: 6 }), busy: fc.integer({ min: 0, max: 6 }), closed: fc.boolean(), cached: fc.boolean() }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .chain((hostList) => {
    const idle = fc.array(
      fc.record({
        at: fc.nat({ max: hostList.length - 1 }),
        image: fc.constantFrom('sha256:1', 'sha256:2'),
        tenant: fc.constantFrom('physics', 'biology'),
        idleSince: fc.nat({ max: 100 }),
      }),
      { maxLength: 12 },
    );
    return idle.map((vms): ClusterView => {
      const left = hostList.map(({ cores, busy }) => Math.max(0, cores - busy));
      const fitting = vms.flatMap(({ at, image, tenant, idleSince }, index): IdleVm[] => {
        if ((left[at] ?? 0) < 1) return [];
        left[at] = (left[at] ?? 0) - 1;
        return [idleVm(`vm-${index}`, `node-${at}`, { imageDigest: image, tenant, idleSince })];
      });
      const hostNodes = hostList.map(({ cores, closed, cached }, index) =>
        node(index, cores, {
          closed: closed ? 'drained' : undefined,
          cached,
          freeCores: left[index] ?? 0,
          freeMemoryBytes: 8 * GiB - (cores - (left[index] ?? 0)) * GiB,
        }),
      );
      return { nodes: hostNodes, idle: fitting };
    });
  });
const anyPolicy = fc.constantFrom(...policyNames);
const anyShape = fc.integer({ min: 1, max: 12 }).map((vms) => shape(vms));

describe('every placement', () => {
  it('is of all VMs, puts at most one on a core (R25), and uses and destroys each idle VM once at most', () => {
    fc.assert(
      fc.property(clusters, anyShape, anyPolicy, (cluster, job, policy) => {
        const result = run(job, cluster, policy);
        if (result.kind !== 'placed') return;
        expect(result.vms).toHaveLength(job.vms);
        const reused = result.vms.flatMap(({ reuse }) => reuse ?? []);
        const touched = [...reused, ...result.evict.map(({ id }) => id)];
        expect(new Set(touched).size).toBe(touched.length);
        for (const host of cluster.nodes) {
          const fresh = result.vms.filter(({ nodeId, reuse }) => nodeId === host.id && reuse === undefined).length;
          const freed = result.evict.filter(({ nodeId }) => nodeId === host.id).length;
          expect(fresh).toBeLessThanOrEqual(host.freeCores + freed);
          expect(fresh * GiB).toBeLessThanOrEqual(host.freeMemoryBytes + freed * GiB);
          if (host.closed !== undefined) expect(result.vms.some(({ nodeId }) => nodeId === host.id)).toBe(false);
        }
      }),
    );
  });

  it('is found whenever enough cores can be freed, and is the same for the same input', () => {
    fc.assert(
      fc.property(clusters, anyShape, anyPolicy, (cluster, job, policy) => {
        const open = cluster.nodes.filter(({ closed }) => closed === undefined);
        const room = open.reduce((sum, host) => sum + host.freeCores + cluster.idle.filter(({ nodeId }) => nodeId === host.id).length, 0);
        const result = run(job, cluster, policy);
        expect(result.kind === 'placed').toBe(room >= job.vms);
        expect(run(job, { nodes: [...cluster.nodes].reverse(), idle: [...cluster.idle].reverse() }, policy)).toEqual(result);
      }),
    );
  });
});

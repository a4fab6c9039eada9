import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1 } from '@verbena/contracts';
import { vmId } from '@verbena/ids';
import { systemClock } from '@verbena/service-kit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { binomialTree, FakeCluster, request } from './testing/fake-cluster.ts';
import type { FakeProgram } from './testing/fake-hypervisor.ts';

const { EndCause } = jobv1;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const content = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, index) => (index * 7 + (index >> 8)) & 255);

let cluster: FakeCluster;
beforeEach(() => {
  cluster = new FakeCluster();
});
afterEach(() => cluster.stop());

/** Starts a job with `perNode` ranks on each node; ranks are dealt node by node. */
async function start(
  nodes: number,
  perNode: number,
  program: FakeProgram,
  spec: Partial<Pick<jobv1.JobSpec, 'args' | 'env' | 'stdin'>> = {},
): Promise<void> {
  const image = cluster.image(content(3000));
  const nodesByRank = Array.from({ length: nodes * perNode }, (_, rank) => `node-${String(Math.floor(rank / perNode))}`);
  cluster.jobSize = nodesByRank.length;
  for (let node = 0; node < nodes; node++) {
    cluster.hypervisor(node).program = program;
    await cluster.boot(node, image, perNode);
  }
  await Promise.all(
    Array.from({ length: nodes }, (_, node) =>
      cluster.agent(node).startRanks({
        jobId: 'job-1',
        spec: { name: 'prog', processes: nodesByRank.length, ...spec },
        ranks: Array.from({ length: perNode }, (_, n) => ({ rank: node * perNode + n, vmId: `vm-${String(node)}-${String(n)}` })),
        nodesByRank,
        pkey: 0x8001,
      }),
    ),
  );
}

const states = async (node: number): Promise<string[]> => (await cluster.agent(node).listLocalVms({})).vms.map(({ state }) => state);

describe('distribution', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('brings an image to %i nodes, each chunk once to each, in the planned rounds', async (count) => {
    await cluster.start(count);
    const image = cluster.image(content(10_000));
    const { receipts } = await cluster
      .agent(0)
      .prepareImage({ ...request(image), tree: binomialTree(count), distributionId: 'dist-1', fetchFromStorage: true });
    expect(receipts.map(({ nodeId }) => nodeId).sort()).toEqual(Array.from({ length: count }, (_, index) => `node-${String(index)}`));
    for (const { nodeId, error, bytesReceived, chunksReceived, round } of receipts) {
      expect(error).toBe('');
      expect(bytesReceived).toBe(10_000n);
      expect(chunksReceived).toBe(image.chunks.length);
      const index = Number(nodeId.slice('node-'.length));
      expect(round).toBe(index === 0 ? 0 : Math.floor(Math.log2(index)) + 1);
    }
    expect(cluster.chunksFetched).toHaveLength(image.chunks.length);
  });

  it('moves nothing when everyone has it already', async () => {
    await cluster.start(4);
    const image = cluster.image(content(5_000));
    const ask = { ...request(image), tree: binomialTree(4), distributionId: 'dist-1', fetchFromStorage: true };
    await cluster.agent(0).prepareImage(ask);
    const { receipts } = await cluster.agent(0).prepareImage(ask);
    expect(receipts.map(({ bytesReceived }) => bytesReceived)).toEqual([0n, 0n, 0n, 0n]);
  });

  it('makes a lost node a receipt, and serves the nodes below it all the same', async () => {
    await cluster.start(8);
    await cluster.agents[1]?.stop();
    const image = cluster.image(content(5_000));
    const { receipts } = await cluster
      .agent(0)
      .prepareImage({ ...request(image), tree: binomialTree(8), distributionId: 'dist-1', fetchFromStorage: true });
    const failed = receipts.filter(({ error }) => error !== '');
    expect(failed.map(({ nodeId }) => nodeId)).toEqual(['node-1']);
    expect(receipts).toHaveLength(8);
  });

  it('goes on with a partial image where it stopped', async () => {
    await cluster.start(1);
    const image = cluster.image(content(8_192));
    const first = image.chunks[0]?.digest ?? '';
    await cluster.agent(0).receiveChunk({ digest: first, data: cluster.chunks.get(first) ?? new Uint8Array() });
    const { receipts } = await cluster
      .agent(0)
      .prepareImage({ ...request(image), tree: binomialTree(1), distributionId: 'dist-1', fetchFromStorage: true });
    expect(receipts[0]?.chunksReceived).toBe(7);
  });

  it('refuses a chunk that is not what its digest says, and a manifest that is not the image', async () => {
    await cluster.start(1);
    const image = cluster.image(content(2_000));
    const digest = image.chunks[0]?.digest ?? '';
    await expect(cluster.agent(0).receiveChunk({ digest, data: text('something else') })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
    const other = { ...request(image), manifest: text('{}'), tree: binomialTree(1), distributionId: 'dist-1', fetchFromStorage: true };
    await expect(cluster.agent(0).prepareImage(other)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it('evicts the image that was not used for the longest time, and never one that a VM runs', async () => {
    await cluster.start(1, { cacheQuotaBytes: 5_000 });
    const [one, two, three] = [2_000, 2_001, 2_002].map((bytes) =>
      cluster.image(
        content(bytes).map((byte) => byte ^ (bytes & 255)),
        4096,
      ),
    );
    if (!one || !two || !three) throw new Error('three images');
    const bring = async (image: typeof one): Promise<string> => {
      const ask = { ...request(image), tree: binomialTree(1), distributionId: 'dist-1', fetchFromStorage: true };
      return (await cluster.agent(0).prepareImage(ask)).receipts[0]?.error ?? '';
    };
    await cluster.boot(0, one, 1);
    expect(await bring(two)).toBe('');
    expect(await bring(three)).toBe('');
    const boot = (id: string, imageDigest: string): Promise<unknown> =>
      cluster.agent(0).bootVm({ vmId: id, imageDigest, memoryBytes: 1n << 20n, tenant: 'default' });
    await expect(boot('vm-b', two.digest)).rejects.toThrow('not in this node');
    await boot('vm-c', three.digest);
    expect(await bring(two)).toContain('in use');
  });
});

describe('VMs', () => {
  it('boot once however often it is asked, and are written down under the epoch of the node', async () => {
    await cluster.start(1);
    const image = cluster.image(content(100));
    const [vmId = ''] = await cluster.boot(0, image, 1);
    await cluster.agent(0).bootVm({ vmId, imageDigest: image.digest, memoryBytes: 1n << 20n, tenant: 'default', jobId: 'job-1' });
    expect(cluster.hypervisor(0).log).toEqual(['boot vm-0-0']);
    expect(cluster.events.map(({ stream, type, correlationId }) => [stream, type, correlationId])).toEqual([
      ['vm-0-0', 'VmCreated', 'job-1'],
      ['vm-0-0', 'VmBooted', 'job-1'],
    ]);
    expect(cluster.events[0]?.epoch).toBe(1n);
  });

  it('obey the scheduler of the highest term that the node has heard of, and one that leads no more in nothing', async () => {
    await cluster.start(1);
    const image = cluster.image(content(100));
    const boot = (id: string, term: bigint): Promise<unknown> =>
      cluster.agent(0).bootVm({ vmId: id, imageDigest: image.digest, memoryBytes: 1n << 20n, tenant: 'default', term });
    const [first = ''] = await cluster.boot(0, image, 1);
    await boot('vm-new', 8n);
    const old = { code: Code.FailedPrecondition, rawMessage: expect.stringContaining('term 7 leads no more') as string };
    const agent = cluster.agent(0);
    await expect(boot('vm-old', 7n)).rejects.toMatchObject(old);
    await expect(agent.destroyVm({ vmId: first, term: 7n })).rejects.toMatchObject(old);
    await expect(agent.startRanks({ jobId: 'job-1', term: 7n })).rejects.toMatchObject(old);
    await expect(agent.stopRanks({ jobId: 'job-1', destroyVms: true, term: 7n })).rejects.toMatchObject(old);
    expect((await agent.listLocalVms({})).vms.map((vm) => vm.vmId).sort()).toEqual(['vm-0-0', 'vm-new']);
    await agent.destroyVm({ vmId: first, term: 9n });
    await expect(boot('vm-old', 8n)).rejects.toThrow('term 8 leads no more');
  });

  it('are refused when cores or memory are gone', async () => {
    await cluster.start(1, { cores: 2, memoryBytes: 3 << 20 });
    const image = cluster.image(content(100));
    await cluster.boot(0, image, 2);
    const boot = (memoryBytes: bigint): Promise<unknown> =>
      cluster.agent(0).bootVm({ vmId: 'vm-x', imageDigest: image.digest, memoryBytes, tenant: 'default' });
    await expect(boot(1n << 20n)).rejects.toThrow('node-0 has 2 cores, 2 of them taken');
    await cluster.agent(0).destroyVm({ vmId: 'vm-0-1' });
    await expect(boot(5n << 20n)).rejects.toThrow('bytes of memory');
    await boot(1n << 20n);
  });

  it('that do not boot leave nothing behind, and say why', async () => {
    await cluster.start(1, { cores: 1 });
    const image = cluster.image(content(100));
    cluster.hypervisor(0).bootError = 'no worker thread';
    await expect(cluster.boot(0, image, 1)).rejects.toThrow('VM vm-0-0 did not boot on node-0: no worker thread');
    expect(await states(0)).toEqual([]);
    cluster.hypervisor(0).bootError = undefined;
    await cluster.agent(0).bootVm({ vmId: 'vm-y', imageDigest: image.digest, memoryBytes: 1n << 20n, tenant: 'default' });
  });

  it('that crash while nothing runs in them are gone, and the log says why', async () => {
    await cluster.start(1, { cores: 1 });
    const image = cluster.image(content(100));
    const [id = ''] = await cluster.boot(0, image, 1);
    cluster.hypervisor(0).domain(vmId(id))?.crash('the thread of the vCPU was lost');
    await vi.waitFor(() => expect(cluster.events.at(-1)?.type).toBe('VmCrashed'), { timeout: 20_000 });
    expect(await states(0)).toEqual([]);
    await cluster.agent(0).bootVm({ vmId: 'vm-y', imageDigest: image.digest, memoryBytes: 1n << 20n, tenant: 'default' });
  });

  it('are destroyed twice without complaint', async () => {
    await cluster.start(1);
    const [vmId = ''] = await cluster.boot(0, cluster.image(content(100)), 1);
    await cluster.agent(0).destroyVm({ vmId });
    await cluster.agent(0).destroyVm({ vmId });
    expect(cluster.events.at(-1)?.type).toBe('VmShutDown');
  });
});

describe('a job', () => {
  it('meets, writes, leaves files, and its VMs are idle before the scheduler hears of the end', async () => {
    await cluster.start(2);
    const program: FakeProgram = async ({ spec }) => {
      const cards = await spec.handlers.rendezvous(0, Uint8Array.of(spec.rank));
      await spec.handlers.output(
        'stdout',
        text(`rank ${String(spec.rank)} of ${String(spec.size)} on host ${String(spec.hostIndex)} sees ${[...cards].join('')}\n`),
      );
      await writeFile(join(spec.scratchDir, 'result'), String(spec.rank));
      return { exitCode: 0 };
    };
    await start(2, 2, program);
    const exits = await cluster.exited(4);
    for (const exit of exits.values()) expect([exit.cause, exit.exitCode, exit.outputFiles]).toEqual([EndCause.EXITED, 0, 1]);
    expect(cluster.text(3)).toBe('rank 3 of 4 on host 1 sees 0123\n');
    expect(cluster.files.map(({ rank, path }) => `${String(rank)}/${path}`).sort()).toEqual([
      '0/result',
      '1/result',
      '2/result',
      '3/result',
    ]);
    expect(await states(0)).toEqual(['idle', 'idle']);
    expect(cluster.events.filter(({ stream }) => stream === 'vm-1-1').map(({ type }) => type)).toEqual([
      'VmCreated',
      'VmBooted',
      'VmStarted',
      'VmIdle',
    ]);
  });

  it('gives rank 0 its standard input, and every rank arguments and environment', async () => {
    await cluster.start(1);
    const seen: unknown[] = [];
    await start(1, 2, ({ spec }) => (seen.push([spec.rank, spec.args, spec.env, spec.stdin?.length]), Promise.resolve(undefined)), {
      args: ['-n', '3'],
      env: { KEY: 'value' },
      stdin: text('input'),
    });
    await cluster.exited(2);
    expect(seen).toEqual([
      [0, ['prog', '-n', '3'], { KEY: 'value' }, 5],
      [1, ['prog', '-n', '3'], { KEY: 'value' }, undefined],
    ]);
  });

  it('loses no output when storage is away for a while', async () => {
    await cluster.start(1);
    let failures = 6;
    cluster.fault = (method) => {
      if (method === 'appendOutput' && failures-- > 0) throw new ConnectError('storage restarts', Code.Unavailable);
    };
    await start(1, 1, async ({ spec }) => {
      for (let line = 0; line < 100; line++) await spec.handlers.output('stdout', text(`line ${String(line)}\n`));
      return {};
    });
    await cluster.exited(1);
    expect(cluster.text(0)).toBe(Array.from({ length: 100 }, (_, line) => `line ${String(line)}\n`).join(''));
  });

  it('keeps reporting an end until the scheduler takes it', async () => {
    await cluster.start(1);
    let failures = 5;
    cluster.fault = (method) => {
      if (method === 'reportRank' && failures-- > 0) throw new ConnectError('the scheduler restarts', Code.Unavailable);
    };
    await start(1, 1, () => Promise.resolve({ exitCode: 3 }));
    const exits = await cluster.exited(1);
    expect([exits.get(0)?.cause, exits.get(0)?.exitCode]).toEqual([EndCause.EXIT_NONZERO, 3]);
  });

  it('loses the VM that crashes and no other', async () => {
    await cluster.start(1);
    await start(1, 2, ({ spec, killed }) =>
      spec.rank === 1
        ? Promise.resolve({ cause: 'trapped' as const, exitCode: 134, detail: 'unreachable\n  at inner\n  at main' })
        : new Promise((resolve) => killed.addEventListener('abort', () => resolve(undefined))),
    );
    const exits = await cluster.exited(1);
    expect([exits.get(1)?.cause, exits.get(1)?.detail]).toEqual([EndCause.TRAPPED, 'unreachable\n  at inner\n  at main']);
    expect(await states(0)).toEqual(['running']);
    expect(cluster.events.find(({ type }) => type === 'VmCrashed')?.stream).toBe('vm-0-1');
  });

  it('is stopped: programs that never yield are killed, and with destroy_vms their VMs are gone', async () => {
    await cluster.start(1);
    await start(1, 2, () => new Promise(() => undefined));
    await cluster.agent(0).stopRanks({ jobId: 'job-1', destroyVms: true, reason: 'walltime of 1 s is over' });
    await cluster.agent(0).stopRanks({ jobId: 'job-1', destroyVms: true, reason: 'again' });
    const exits = await cluster.exited(2);
    expect([exits.get(0)?.exitCode, exits.get(0)?.detail]).toEqual([137, 'walltime of 1 s is over']);
    expect(await states(0)).toEqual([]);
  });

  it('does not start at all when one rank cannot, and the VMs stay usable', async () => {
    await cluster.start(1);
    cluster.hypervisor(0).execErrors.set(1, 'no port in the partition');
    await expect(start(1, 3, () => new Promise(() => undefined))).rejects.toThrow(
      'job job-1 could not be started on host-0: no port in the partition',
    );
    // The two that had started were killed in the middle of a program; the third was never touched.
    expect(await states(0)).toEqual(['idle']);
    expect(cluster.exits().size).toBe(0);
  });

  it('is refused VMs that are not here, are busy, or belong to another node', async () => {
    await cluster.start(1);
    await start(1, 1, () => new Promise(() => undefined));
    const ask = (jobId: string, vmId: string, node: string): Promise<unknown> =>
      cluster.agent(0).startRanks({ jobId, spec: { processes: 1 }, ranks: [{ rank: 0, vmId }], nodesByRank: [node], pkey: 1 });
    await expect(ask('job-2', 'vm-nowhere', 'node-0')).rejects.toThrow('node-0 has no VM vm-nowhere');
    await expect(ask('job-3', 'vm-0-0', 'node-0')).rejects.toThrow('VM vm-0-0 is running job job-1');
    await expect(ask('job-2', 'vm-0-0', 'node-7')).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it('is told apart as blocked when it sleeps, and awake when it is not', async () => {
    await cluster.start(1);
    const woken = Promise.withResolvers<undefined>();
    await start(1, 1, (machine) => {
      machine.activity = { blocked: true, activity: 5n, waitsFor: 'MPI_Recv(source=1, tag=0)', mpiState: 'initialized' };
      return woken.promise;
    });
    const blocked = (): unknown[] =>
      cluster.reports.flatMap(({ report }) =>
        report.what.case === 'blocked' ? [[report.what.value.blocked, report.what.value.waitsFor]] : [],
      );
    while (blocked().length === 0) await systemClock.sleep(20);
    expect(blocked()).toEqual([[true, 'MPI_Recv(source=1, tag=0)']]);
    woken.resolve(undefined);
    await cluster.exited(1);
  });
});

describe('a node', () => {
  it('beats, and registers again under a new epoch when the scheduler does not know it', async () => {
    await cluster.start(1);
    while (cluster.heartbeats.length < 2) await systemClock.sleep(1);
    let once = true;
    cluster.fault = (method) => {
      if (method !== 'heartbeat' || !once) return;
      once = false;
      throw new ConnectError('who?', Code.NotFound);
    };
    while (cluster.registrations.length < 2) await systemClock.sleep(1);
    while ((cluster.heartbeats.at(-1)?.epoch ?? 0n) < 2n) await systemClock.sleep(1);
    expect(await cluster.agents[0]?.notReady()).toBeUndefined();
  });

  it('starts nothing from when it was given up until it has registered again: what it was given before is gone', async () => {
    await cluster.start(1);
    while (cluster.heartbeats.length < 1) await systemClock.sleep(1);
    cluster.fault = (method) => {
      if (method === 'heartbeat') throw new ConnectError('who?', Code.NotFound);
      if (method === 'registerNode') throw new ConnectError('not now', Code.Unavailable);
    };
    await vi.waitFor(async () => expect(await cluster.agents[0]?.notReady()).toContain('not now'), { timeout: 20_000 });
    const refusal = { code: Code.Unavailable, rawMessage: 'node-0 is not registered with the scheduler at the moment' };
    await expect(cluster.agent(0).bootVm({ vmId: 'vm-1', imageDigest: 'sha256:0' })).rejects.toMatchObject(refusal);
    await expect(cluster.agent(0).startRanks({ jobId: 'job-1' })).rejects.toMatchObject(refusal);
  });

  it('says why it is not ready while the scheduler is away', async () => {
    await cluster.start(1);
    cluster.fault = (method) => {
      if (method === 'heartbeat') throw new ConnectError('restarting', Code.Unavailable);
    };
    await vi.waitFor(async () => expect(await cluster.agents[0]?.notReady()).toContain('restarting'), { timeout: 20_000 });
  });

  it('stops: programs are killed and reported, domains destroyed, scratch removed', async () => {
    await cluster.start(1);
    await start(1, 2, () => new Promise(() => undefined));
    await cluster.agents[0]?.stop();
    expect((await cluster.exited(2)).get(1)?.detail).toBe('the node stops');
    expect(cluster.hypervisor(0).log.at(-1)).toBe('close');
    expect(cluster.hypervisor(0).domains()).toEqual([]);
  });
});

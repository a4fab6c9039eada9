import { noVm, type VmState } from '@verbena/domain-vm';
import { withCallContext } from '@verbena/messaging';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnconnectedPort } from '../node-port.ts';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { Shares, type SharingVm } from './shares.ts';

/** A port that keeps what it is told. */
class TellingPort extends UnconnectedPort {
  readonly told: unknown[] = [];
  setShare(vmId: string, share: unknown): void {
    this.told.push([vmId, share]);
  }
}

const share = { weight: 4, bytesPerSecond: 500_999n };

describe('the share of a VM', () => {
  let cluster: FakeCluster;
  beforeEach(() => {
    cluster = new FakeCluster();
  });
  afterEach(() => cluster.stop());

  const run = async (): Promise<{ vmId: string; end: () => void }> => {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number }>();
    cluster.hypervisor(0).program = () => promise;
    const [vmId = ''] = await cluster.boot(0, cluster.image(new Uint8Array(100)), 1);
    const ranks = [{ rank: 0, vmId }];
    await cluster
      .agent(0)
      .startRanks({ jobId: 'job-1', spec: { name: 'prog', processes: 1 }, ranks, nodesByRank: ['node-0'], pkey: 0x8001 });
    return { vmId, end: () => resolve({ exitCode: 0 }) };
  };

  it('that its job asked for is there before the program begins, written down as the job’s', async () => {
    const port = new TellingPort(1n);
    await cluster.start(1, { port: () => port });
    let toldBefore: unknown[] = [];
    cluster.hypervisor(0).program = () => {
      toldBefore = [...port.told];
      return Promise.resolve({ exitCode: 0 });
    };
    const [vmId = ''] = await cluster.boot(0, cluster.image(new Uint8Array(100)), 1);
    const spec = { name: 'prog', processes: 1, ioWeight: 3, ioBytesPerSecond: 2_000_000n };
    await cluster.agent(0).startRanks({ jobId: 'job-1', spec, ranks: [{ rank: 0, vmId }], nodesByRank: ['node-0'], pkey: 0x8001 });
    await cluster.exited(1);
    expect(toldBefore).toEqual([[vmId, { weight: 3, rate: 2_000 }]]);
    const written = cluster.events.filter(({ type }) => type === 'VmShareSet').map(({ stream, data }) => ({ stream, data }));
    expect(written).toEqual([{ stream: vmId, data: { weight: 3, bytesPerSecond: 2_000_000, by: 'job-1' } }]);
  });

  it('is written down with who asked, told to the adapter, and given back when the program ends', async () => {
    const port = new TellingPort(1n);
    await cluster.start(1, { port: () => port });
    const { vmId, end } = await run();
    await withCallContext({ actor: 'ada', tenant: 'physics', roles: ['operator'] }, () => cluster.agent(0).shareAdapter({ vmId, share }));
    await cluster.agent(0).shareAdapter({ vmId, share });
    expect(port.told.slice(0, 2)).toEqual([
      [vmId, { weight: 4, rate: 500 }],
      [vmId, { weight: 4, rate: 500 }],
    ]);
    const written = cluster.events.filter(({ type }) => type === 'VmShareSet').map(({ stream, data, epoch }) => ({ stream, data, epoch }));
    expect(written).toEqual([{ stream: vmId, data: { weight: 4, bytesPerSecond: 500_999, by: 'ada' }, epoch: 1n }]);
    end();
    await cluster.exited(1);
    expect(port.told.at(-1)).toEqual([vmId, undefined]);
    await expect(cluster.agent(0).shareAdapter({ vmId, share })).rejects.toThrow(/while a program runs/);
  });

  it('is refused where there is no such VM, or no adapter, and what cannot be is not written', async () => {
    await cluster.start(1);
    const { vmId, end } = await run();
    await expect(cluster.agent(0).shareAdapter({ vmId: 'vm-none', share })).rejects.toThrow(/has no VM vm-none/);
    await expect(cluster.agent(0).shareAdapter({ vmId, share })).rejects.toThrow(/no adapter/);
    expect(cluster.events.filter(({ type }) => type === 'VmShareSet')).toEqual([]);
    end();
    await cluster.exited(1);
  });
});

describe('a VM that has come from another node', () => {
  const running: VmState = {
    ...{ status: 'running', nodeId: 'node-0', imageDigest: 'sha256:0', memoryBytes: 1, vcpus: 1, tenant: 'physics' },
    ...{ jobId: 'job-1', rank: 0, share: { weight: 9, bytesPerSecond: 0 } },
  };
  const arrived = (known: () => Promise<VmState>): SharingVm => ({
    ...{ phase: 'busy', jobId: 'job-1', request: { vmId: 'vm-a' } },
    log: { known, record: () => Promise.resolve() },
  });
  const bring = async (vm: SharingVm): Promise<{ told: unknown[]; warnings: unknown[] }> => {
    const port = new TellingPort(1n);
    const warnings: unknown[] = [];
    await new Shares({ nodeId: 'node-1', port, log: { warn: (what: unknown) => void warnings.push(what) } }).bring(vm);
    return { told: port.told, warnings };
  };

  it('gets here what it got there', async () => {
    expect(await bring(arrived(() => Promise.resolve(running)))).toEqual({ told: [['vm-a', { weight: 9, rate: 0 }]], warnings: [] });
  });

  it('gets what all get when nobody has said otherwise, or it has ended meanwhile', async () => {
    expect((await bring(arrived(() => Promise.resolve(noVm)))).told).toEqual([]);
    const ended = arrived(() => Promise.resolve(running));
    expect((await bring({ ...ended, phase: 'gone' })).told).toEqual([]);
  });

  it('goes on without when the log cannot be read, and the operator is told', async () => {
    const { told, warnings } = await bring(arrived(() => Promise.reject(new Error('storage does not answer'))));
    expect([told, warnings]).toEqual([[], [{ vm: 'vm-a', error: 'storage does not answer' }]]);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSubnet } from '@verbena/fabric';
import { vmId } from '@verbena/ids';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileGuestFile } from '../testing/compile-guest.ts';
import { hypervisorContract } from '../testing/contract.ts';
import type { DomainConfig, Hypervisor, ProgramSpec } from '../port.ts';
import { noTraffic, type DomainAttachment, type PortBinding } from './adapter-binding.ts';
import { createEmbeddedHypervisor } from './driver.ts';

hypervisorContract('the embedded driver', async () => {
  const guestLog: string[] = [];
  const port = (await createSubnet()).addPort({ nodeName: 'node-0' });
  return { hypervisor: await createEmbeddedHypervisor({ port, onGuestLog: (_id, line) => guestLog.push(line) }), guestLog };
});

/** A port that writes down what it is asked, and refuses to attach after so many domains. The adapter of its domains cannot be opened. */
class RecordingPort implements PortBinding {
  readonly lid = 3;
  readonly guid = 4n;
  readonly asked: string[] = [];
  attachments = 0;
  limit = Infinity;

  attachDomain(): DomainAttachment {
    if (this.attachments >= this.limit) throw new Error('no slot is free');
    const slot = this.attachments++;
    const note = (what: string): void => void this.asked.push(`${what} ${String(slot)}`);
    note('attach');
    return {
      slot,
      virtualFunction: undefined,
      get firmware(): never {
        throw new Error('this adapter has no firmware');
      },
      serveGeneral: () => note('serve'),
      busy: () => false,
      becomeVirtualFunction: () => 0,
      workerInit: () => {
        throw new Error('no thread context is free');
      },
      join: () => note('join'),
      leave: () => note('leave'),
      reset: () => note('reset'),
      recover: () => note('recover'),
      detach: () => note('detach'),
      counters: () => noTraffic,
      setShare: () => note('share'),
      pkeys: () => [],
      setMembership: () => note('partition'),
      resources: () => 0,
    };
  }
}

describe('the embedded driver and its port', () => {
  let scratchDir: string;
  let hypervisor: Hypervisor;
  let port: RecordingPort;
  beforeEach(async () => {
    scratchDir = mkdtempSync(join(tmpdir(), 'verbena-driver-'));
    port = new RecordingPort();
    hypervisor = await createEmbeddedHypervisor({ port, poolSize: 1 });
  });
  afterEach(async () => {
    await hypervisor.close();
    rmSync(scratchDir, { recursive: true, force: true });
  });

  const config = async (): Promise<DomainConfig> => ({
    ...{ id: vmId('vm-port'), name: 'vm-port', memoryBytes: 64 << 20, vcpus: 1 },
    image: await compileGuestFile('contract-guest.c'),
  });
  const spec = (): ProgramSpec => ({
    ...{
      jobId: 'job-1',
      rank: 0,
      size: 1,
      hostIndex: 0,
      hosts: 1,
      nodeName: 'node-0',
      pkey: 1,
      jobSeed: 1n,
      args: ['a', 'hello'],
      env: {},
    },
    ...{ scratchDir, scratchBytes: 1 << 20, outputLimitBytes: 1 << 20 },
    handlers: { output: () => undefined, rendezvous: (_generation, card) => Promise.resolve(card) },
  });

  it('leaves a domain idle, with another attachment, when a program cannot be started', async () => {
    const domain = await hypervisor.createDomain(await config());
    await domain.boot();
    await expect(domain.exec(spec())).rejects.toThrow('no thread context is free');
    expect(domain.state).toBe('idle');
    await domain.destroy('done');
    expect(port.asked).toEqual(['attach 0', 'join 0', 'detach 0', 'attach 1', 'detach 1']);
  });

  it('crashes a domain that finds no place at the adapter any more', async () => {
    port.limit = 1;
    const domain = await hypervisor.createDomain(await config());
    await domain.boot();
    await expect(domain.exec(spec())).rejects.toThrow();
    expect(domain.state).toBe('crashed');
    await domain.destroy('done');
  });

  it('fails a boot that finds no place at the adapter', async () => {
    port.limit = 0;
    const domain = await hypervisor.createDomain(await config());
    await expect(domain.boot()).rejects.toThrow('no slot is free');
    expect(domain.state).toBe('crashed');
    await domain.destroy('done');
    expect(hypervisor.domains()).toEqual([]);
  });
});

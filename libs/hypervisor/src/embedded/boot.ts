/** What a guest finds in its memory before its first instruction: the boot information page, and the null zone. Everything else is zero. */
import { bootInfo, VB_ABI_VERSION, VB_BOOT_INFO_ADDR, VB_BOOT_MAGIC, VB_NO_PARENT } from '@verbena/guest-abi';
import type { DomainConfig, ProgramSpec, World } from '../port.ts';
import { fillNullZone } from './null-zone.ts';

export interface BootFacts {
  readonly slot: number;
  readonly lid: number;
  readonly guid: bigint;
  /** How long a guest polls before it sleeps, in nanoseconds. */
  readonly spinNs: number;
}

/** That of a program whose job has not grown. */
export function worldOf({ world, size }: Pick<ProgramSpec, 'world' | 'size'>): World {
  return world ?? { first: 0, size, firstSize: size, appNumber: 0, universe: 0 };
}

/** More processes for a guest that looks for them when it goes on. */
export function growBootInfo(memory: WebAssembly.Memory, size: number, hosts: number): void {
  const view = new DataView(memory.buffer);
  bootInfo.set(view, VB_BOOT_INFO_ADDR, 'size', size);
  bootInfo.set(view, VB_BOOT_INFO_ADDR, 'hosts', hosts);
}

export function writeBootInfo(memory: WebAssembly.Memory, config: DomainConfig, spec: ProgramSpec, facts: BootFacts): void {
  fillNullZone(memory);
  const world = worldOf(spec);
  bootInfo.write(new DataView(memory.buffer), VB_BOOT_INFO_ADDR, {
    magic: VB_BOOT_MAGIC,
    abi_version: VB_ABI_VERSION,
    domain_slot: facts.slot,
    vcpus: config.vcpus,
    memory_bytes: BigInt(config.memoryBytes),
    rank: spec.rank,
    size: spec.size,
    host_index: spec.hostIndex,
    hosts: spec.hosts,
    lid: facts.lid,
    pkey: spec.pkey,
    port_guid: facts.guid,
    job_seed: BigInt.asUintN(64, spec.jobSeed),
    spin_ns: facts.spinNs,
    flags: 0,
    job_id: spec.jobId,
    vm_id: config.id,
    node_name: spec.nodeName,
    world_first: world.first,
    world_size: world.size,
    first_size: world.firstSize,
    parent: world.parent ?? VB_NO_PARENT,
    app_number: world.appNumber,
    universe: world.universe,
  });
}

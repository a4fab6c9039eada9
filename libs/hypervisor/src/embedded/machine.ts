/** What a domain has for one program: memory, and a place at the adapter that knows it. */
import type { DomainConfig } from '../port.ts';
import { waitsFor } from './activity.ts';
import { noTraffic, type AdapterCounters, type DomainAttachment, type PortBinding } from './adapter-binding.ts';
import { Retired } from '@verbena/hca';
import type { ControlBlock } from './control-block.ts';
import type { GuestModule } from './module-cache.ts';
import type { HostPath } from './paths/host-path.ts';
import { Profile, sampler } from './profile.ts';
import type { SpinPolicy } from './spin-policy.ts';
import { sharedBuffer } from './shared-buffer.ts';

const pageBytes = 65_536;
const retired = new Retired();

export interface MachineEnvironment {
  readonly module: GuestModule;
  readonly port: PortBinding | undefined;
  readonly spin: SpinPolicy;
}

export class Machine {
  readonly memory: WebAssembly.Memory;
  readonly attachment: DomainAttachment | undefined;
  readonly #config: DomainConfig;
  readonly #spin: SpinPolicy;
  readonly profile = new Profile();
  #leaveCores: (() => void) | undefined;
  #unwatch: (() => void) | undefined;

  /** @throws Error when the adapter has no place */
  constructor(config: DomainConfig, { module: { memory }, port, spin }: MachineEnvironment) {
    this.#config = config;
    this.#spin = spin;
    const maximum = Math.floor(config.memoryBytes / pageBytes);
    this.memory = new WebAssembly.Memory({ initial: memory.initialPages, maximum, shared: true });
    this.attachment = port?.attachDomain({ vmId: config.id, memory: this.memory });
  }

  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  bytes(): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(sharedBuffer(this.memory));
  }

  /** All of the memory, which has at least so many bytes then. */
  grownTo(bytes: number): Uint8Array<SharedArrayBuffer> {
    const { id, memoryBytes } = this.#config;
    if (bytes > memoryBytes) throw new Error(`domain ${id} has ${String(memoryBytes)} bytes of memory, not ${String(bytes)}`);
    const missing = Math.ceil((bytes - this.byteLength) / pageBytes);
    if (missing > 0) this.memory.grow(missing);
    return this.bytes();
  }

  /** A vCPU begins to run here. */
  enterCores(): void {
    this.#leaveCores = this.#spin.enter(this.memory);
  }

  /** No vCPU runs here for a while; what the guest has at the adapter stays. */
  rest(): void {
    this.#leaveCores?.();
    this.#leaveCores = undefined;
    this.#unwatch?.();
    this.attachment?.recover();
  }

  /** From now on the program's seconds are counted by what they are spent with. */
  watchTime(control: ControlBlock, path: HostPath): void {
    const what = {
      ...{ control, attachment: this.attachment, servedByDriver: () => path.servedByDriver(), direct: path.adapter !== undefined },
      waitsFor: () => waitsFor(this.memory),
    };
    this.#unwatch = sampler.watch((seconds) => {
      this.profile.sample(what, seconds);
    });
  }

  retire(): void {
    this.#leaveCores?.();
    this.#unwatch?.();
    this.attachment?.detach();
    retired.add(this.byteLength);
  }

  traffic(): AdapterCounters {
    return this.attachment?.counters() ?? noTraffic;
  }
}

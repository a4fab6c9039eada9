/** The embedded driver: domains are WebAssembly instances on threads of this process. */
import { vmId, type VmId } from '@verbena/ids';
import type { Domain, DomainConfig, Hypervisor } from '../port.ts';
import type { PortBinding } from './adapter-binding.ts';
import { EmbeddedDomain } from './domain.ts';
import { compileGuest, type GuestModule } from './module-cache.ts';
import { SpinPolicy, spinPolicy } from './spin-policy.ts';
import type { DriverDomain } from './paths/driver-domain.ts';
import { DriverDomains } from './paths/driver-domains.ts';
import { WorkerPool, workerArguments, workerFile } from './worker-pool.ts';

export interface EmbeddedHypervisorOptions {
  /** The node's port on the fabric. Without one, guests get the null adapter: no communication. */
  readonly port?: PortBinding;
  /** How long guests poll before they sleep, in nanoseconds. By default it follows how crowded the cores are (spin-policy.ts). */
  readonly spinNs?: number;
  /** Threads that wait ready for a boot. Default 2. */
  readonly poolSize?: number;
  /** A pool to draw from instead of an own one: several hypervisors of one process may share it. It is not closed with the hypervisor. */
  readonly pool?: WorkerPool;
  /** The vCPU thread's file, for builds that bundle it. */
  readonly workerUrl?: URL;
  readonly execArgv?: readonly string[];
  /** Driver domains of this node, for the paths through one. Default 2. */
  readonly driverDomains?: number;
  /** Domains at a time. Default 256. */
  readonly maxDomains?: number;
  /** Files that a program may have open at a time. Default 512. */
  readonly openFiles?: number;
  /** Size of a console ring in bytes, a power of two. Default 256 KiB. */
  readonly consoleBytes?: number;
  /** Lines that guests write to the hypervisor's log (VB_HC_CONSOLE). */
  readonly onGuestLog?: (id: VmId, line: string) => void;
}

const driverDomainId = vmId('vm-driver-domain');
const pageBytes = 65_536;
/** What wasm32 can address. */
const addressable = 2 ** 32;

/** @returns a hypervisor whose pool of threads is being filled in the background */
export function createEmbeddedHypervisor(options: EmbeddedHypervisorOptions = {}): Promise<Hypervisor> {
  return Promise.resolve(new EmbeddedHypervisor(options));
}

class EmbeddedHypervisor implements Hypervisor {
  readonly name = 'embedded';
  readonly #options: EmbeddedHypervisorOptions;
  readonly #pool: WorkerPool;
  readonly #drivers: DriverDomains;
  readonly #spin: SpinPolicy;
  readonly #domains = new Map<VmId, EmbeddedDomain>();
  #closed = false;

  constructor(options: EmbeddedHypervisorOptions) {
    this.#options = options;
    const { poolSize = 2, workerUrl, execArgv } = options;
    const { spinNs, driverDomains = 2, onGuestLog } = options;
    this.#spin = spinNs === undefined ? spinPolicy : new SpinPolicy({ cores: 0, crowdedNs: spinNs });
    this.#drivers = new DriverDomains(driverDomains, {
      spin: this.#spin,
      workerUrl: workerUrl ?? workerFile,
      execArgv: execArgv ?? workerArguments,
      onRestart: (reason) => onGuestLog?.(driverDomainId, `a driver domain has died and is started again: ${reason}`),
    });
    this.#pool =
      options.pool ??
      new WorkerPool({
        size: poolSize,
        ...(workerUrl === undefined ? {} : { workerUrl }),
        ...(execArgv === undefined ? {} : { execArgv }),
      });
  }

  get driverDomains(): readonly DriverDomain[] {
    return this.#drivers.all();
  }

  async createDomain(config: DomainConfig): Promise<Domain> {
    this.#refuseUnfit(config);
    const module = await compileGuest(config.image.digest, config.image.wasm);
    refuseTooSmall(config, module);
    this.#refuseUnfit(config);
    const { port, consoleBytes = 256 * 1024, openFiles = 512, onGuestLog } = this.#options;
    const domain = new EmbeddedDomain(config, {
      module,
      pool: this.#pool,
      port,
      spin: this.#spin,
      drivers: this.#drivers,
      consoleBytes,
      openFiles,
      onLog: (line) => onGuestLog?.(config.id, line),
      onDestroyed: () => this.#domains.delete(config.id),
    });
    this.#domains.set(config.id, domain);
    return domain;
  }

  #refuseUnfit({ id, vcpus, memoryBytes }: DomainConfig): void {
    const { maxDomains = 256 } = this.#options;
    if (this.#closed) throw new Error('the hypervisor is closed');
    if (this.#domains.has(id)) throw new Error(`domain ${id} exists already`);
    if (this.#domains.size >= maxDomains) throw new Error(`domain ${id}: the limit of ${String(maxDomains)} domains is reached`);
    if (vcpus !== 1) throw new Error(`domain ${id} wants ${String(vcpus)} vCPUs: the embedded hypervisor gives each domain exactly 1`);
    if (memoryBytes % pageBytes !== 0 || memoryBytes <= 0 || memoryBytes > addressable)
      throw new Error(
        `domain ${id} wants ${String(memoryBytes)} bytes of memory: give a multiple of 65536, at most ${String(addressable)}`,
      );
  }

  domain(id: VmId): Domain | undefined {
    return this.#domains.get(id);
  }

  domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.domains().map((domain) => domain.destroy('the hypervisor is closing')));
    await this.#drivers.close();
    if (this.#options.pool === undefined) await this.#pool.close();
  }
}

function refuseTooSmall({ id, memoryBytes }: DomainConfig, { memory }: GuestModule): void {
  const needed = memory.initialPages * pageBytes;
  if (memoryBytes < needed)
    throw new Error(
      `domain ${id} gets ${String(memoryBytes)} bytes of memory, but its image needs ${String(needed)} for its stack and static data alone`,
    );
  if (memoryBytes > memory.maximumPages * pageBytes)
    throw new Error(
      `domain ${id} gets ${String(memoryBytes)} bytes of memory, but its image was linked for at most ${String(memory.maximumPages * pageBytes)}`,
    );
}

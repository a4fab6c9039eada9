/** One host with four VMs for two jobs of two ranks each, for stories about what jobs on one host share. */
import { tmpdir } from 'node:os';
import { createSubnet, type FabricPort, type Subnet } from '@verbena/fabric';
import type { GuestImage } from '@verbena/guest-image';
import { createEmbeddedHypervisor, WorkerPool } from '@verbena/hypervisor';
import type { Domain, DriverDomainView, Hypervisor, IoPath, ProgramExit, RunningProgram } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';
import { Rendezvous } from './growth.ts';

const MIB = 2 ** 20;

export interface BenchJob {
  readonly ends: Promise<readonly ProgramExit[]>;
}

export class PathBench {
  readonly #subnet: Subnet;
  readonly #port: FabricPort;
  readonly #pool: WorkerPool;
  readonly #hypervisor: Hypervisor;
  readonly #image: GuestImage;
  readonly #domains: Domain[] = [];
  readonly #ticker: NodeJS.Timeout;
  #jobs = 0;

  private constructor(subnet: Subnet, port: FabricPort, pool: WorkerPool, hypervisor: Hypervisor, image: GuestImage) {
    this.#subnet = subnet;
    this.#port = port;
    this.#pool = pool;
    this.#hypervisor = hypervisor;
    this.#image = image;
    this.#ticker = setInterval(() => {
      subnet.tick(performance.now());
    }, 10);
  }

  static async open(image: GuestImage): Promise<PathBench> {
    const subnet = await createSubnet();
    const port = subnet.addPort({ nodeName: 'host-0', lid: 1 });
    const pool = new WorkerPool({ size: 4 });
    const bench = new PathBench(subnet, port, pool, await createEmbeddedHypervisor({ port, pool }), image);
    await bench.#boot();
    return bench;
  }

  async #boot(): Promise<void> {
    const content = { digest: this.#image.manifest.content.digest, wasm: this.#image.wasm };
    for (let i = 0; i < 4; i++) {
      const id = vmId(`vm-bench-${String(i)}`);
      const domain = await this.#hypervisor.createDomain({ id, name: id, image: content, memoryBytes: 64 * MIB, vcpus: 1 });
      await domain.boot();
      this.#domains.push(domain);
    }
  }

  get driverDomains(): readonly DriverDomainView[] {
    return this.#hypervisor.driverDomains;
  }

  /** Starts two jobs, one rank of each in turn. */
  async interleaved(args: readonly string[], ioPath: IoPath): Promise<readonly [BenchJob, BenchJob]> {
    const jobs = [0, 1].map(() => ({ number: ++this.#jobs, meetings: new Rendezvous(2), programs: [] as RunningProgram[] }));
    for (const [i, domain] of this.#domains.entries()) {
      const [job, rank] = [jobs[i % 2], Math.floor(i / 2)];
      if (job === undefined) throw new Error('there are two jobs');
      const program = await domain.exec({
        ...{ jobId: `job-bench-${String(job.number)}`, rank, size: 2, hostIndex: 0, hosts: 1, nodeName: 'host-0', ioPath },
        ...{ pkey: 0x8000 + job.number, jobSeed: 1n, args: ['guest', ...args], env: {}, scratchDir: tmpdir() },
        ...{ scratchBytes: MIB, outputLimitBytes: MIB },
        handlers: { output: () => undefined, rendezvous: (generation, card) => job.meetings.meet(generation, rank, card) },
      });
      job.programs.push(program);
    }
    const [first, second] = jobs.map(({ programs }) => ({ ends: Promise.all(programs.map(({ exit }) => exit)) }));
    if (first === undefined || second === undefined) throw new Error('there are two jobs');
    return [first, second];
  }

  /** Domains of somebody else that have so many of the port's virtual functions. @returns what gives them back */
  takeVirtualFunctions(count: number): () => void {
    const taken = Array.from({ length: count }, (_, i) => {
      const memory = new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true });
      const attachment = this.#port.attachDomain({ vmId: `vm-other-${String(i)}`, memory });
      attachment.becomeVirtualFunction();
      return attachment;
    });
    return () => {
      for (const attachment of taken) attachment.detach();
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await this.#hypervisor.close();
    await this.#pool.close();
    this.#subnet.close();
  }
}

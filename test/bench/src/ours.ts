/**
 * Our side of the figures: the same C sources as guests, on two hosts of one subnet in one process. The control plane is left out: it starts
 * and ends jobs, and has no part in what is measured.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runGuests } from '@verbena/framework';
import type { GuestImage } from '@verbena/guest-image';
import { createEmbeddedHypervisor, type Hypervisor } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';
import { compile } from '@verbena/toolchain';
import { value } from './peers.ts';

export interface Ours {
  /**
   * Builds a program once, runs it in this process or over so many others, and gives the standard output of rank 0. The ranks are on two hosts and talk by the
   * adapter, or on one and talk by its channels.
   */
  run(source: string, ranks: number, args: readonly string[], processes?: number, where?: 'adapter' | 'channels'): Promise<string>;
  /** From asking for a VM to the first instruction of its program, with a warm pool and a cached image; microseconds. */
  bootMicroseconds(): Promise<number>;
  close(): Promise<void>;
}

/** Enough for half of FT class A. */
const memoryBytes = 1 << 30;
const firstInstruction = new URL('../programs/first-instruction.c', import.meta.url).pathname;

export function startOurs(): Ours {
  const built = new Map<string, Promise<GuestImage>>();
  const image = (source: string): Promise<GuestImage> => {
    const known = built.get(source) ?? build(source);
    built.set(source, known);
    return known;
  };
  let hypervisor: Promise<Hypervisor> | undefined;
  return {
    async run(source, size, args, processes = 0, where = 'adapter') {
      const placed = where === 'adapter' ? { hosts: 2, processes } : ({ hosts: 1, ioPath: 'ivc' } as const);
      const { exits, stdout, stderr } = await runGuests({ image: await image(source), size, ...placed, args, memoryBytes });
      const bad = exits.find(({ cause, exitCode }) => cause !== 'exited' || exitCode !== 0);
      if (bad) throw new Error(`${source} ended with ${bad.cause} ${bad.exitCode}: ${bad.detail}\n${stderr.join('')}`);
      return stdout[0] ?? '';
    },
    async bootMicroseconds() {
      const program = await image(firstInstruction);
      if (!hypervisor) {
        hypervisor = createEmbeddedHypervisor();
        await boot(await hypervisor, program); // The first boot compiles the image and fills the pool.
      }
      await new Promise((resolve) => setTimeout(resolve, 200)); // The pool refills.
      return boot(await hypervisor, program);
    },
    close: async () => (await hypervisor)?.close(),
  };
}

async function build(source: string): Promise<GuestImage> {
  let diagnostics = '';
  const { exitCode, image } = await compile({
    language: 'c',
    args: ['-O3', source],
    cwd: process.cwd(),
    onDiagnostics: (text) => {
      diagnostics += text;
    },
  });
  if (exitCode !== 0 || !image) throw new Error(`${source} did not compile (${exitCode}):\n${diagnostics}`);
  return image;
}

let boots = 0;

/** Both ends read the same monotonic clock: ours by process.hrtime, the guest's by clock_gettime, which the hypervisor serves from it. */
async function boot(hypervisor: Hypervisor, image: GuestImage): Promise<number> {
  const scratchDir = await mkdtemp(join(tmpdir(), 'verbena-boot-'));
  const id = vmId(`vm-boot-${boots++}`);
  let output = '';
  const started = Number(process.hrtime.bigint()) / 1000;
  const content = { digest: image.manifest.content.digest, wasm: image.wasm };
  const domain = await hypervisor.createDomain({ id, name: id, image: content, memoryBytes: 64 << 20, vcpus: 1 });
  await domain.boot();
  const running = await domain.exec({
    jobId: 'job-boot',
    rank: 0,
    size: 1,
    hostIndex: 0,
    hosts: 1,
    nodeName: 'host-0',
    pkey: 0x8002,
    jobSeed: 1n,
    args: ['first-instruction'],
    env: {},
    scratchDir,
    scratchBytes: 1 << 20,
    outputLimitBytes: 1 << 20,
    handlers: {
      output: (_stream, data) => void (output += Buffer.from(data).toString()),
      rendezvous: (_generation, card) => Promise.resolve(card),
    },
  });
  await running.exit;
  await domain.destroy('measured');
  await rm(scratchDir, { recursive: true, force: true });
  return value(output, 'first_us') - started;
}

/** Moving a VM between two node-agents in processes of their own, against QEMU between two of its. */
import { MovingJob, ProcessCluster, type Moved } from '@verbena/framework';
import { compile } from '@verbena/toolchain';
import type { Figure, Side } from './figure.ts';
import { moveQemu, qemuInstalled, type Load, type MovedPc } from './qemu.ts';

export interface MigrationFigures {
  readonly figures: readonly Figure[];
  close(): Promise<void>;
}

const program = new URL('../../../examples/bench/moving.c', import.meta.url).pathname;
const load: Load = { memoryMib: 128, usedMib: 48, pagesPerMs: 4 };
const mebibyte = 1 << 20;
const missing = 'QEMU and binutils are not installed (Debian: apt-get install qemu-system-x86 binutils)';

export async function migrationFigures(): Promise<MigrationFigures> {
  const installed = await qemuInstalled();
  let started: Promise<{ readonly cluster: ProcessCluster; readonly job: MovingJob }> | undefined;
  const ours = (transport: 'tcp' | 'rdma', of: keyof Pick<Moved, 'totalMs' | 'downtimeMs'>): Side => ({
    name: `verbena, ${transport}`,
    measure: async () => (await (await (started ??= start())).job.move(0, { transport }))[of],
  });
  const qemu = (unbound: boolean, of: keyof MovedPc): Side => ({
    name: 'qemu',
    measure: installed ? async () => (await moveQemu(load, unbound))[of] : undefined,
    missing,
  });
  const shared = { unit: 'ms', smallerIsBetter: true, rounds: 7 } as const;
  const total = { ...shared, floor: 0.3, aim: 0.02 };
  const downtime = { ...shared, floor: 1, aim: 0.1 };
  const tcp = ours('tcp', 'totalMs');
  return {
    figures: [
      { ...total, name: 'moving a VM, 48 of 128 MiB in use, QEMU', ours: tcp, peer: qemu(false, 'totalMs') },
      { ...total, name: 'moving a VM, 48 of 128 MiB in use, QEMU without a bandwidth limit', ours: tcp, peer: qemu(true, 'totalMs') },
      { ...downtime, name: 'downtime of a VM that moves, QEMU', ours: ours('tcp', 'downtimeMs'), peer: qemu(false, 'downtimeMs') },
      { ...shared, floor: 0.2, aim: 0.05, name: 'moving a VM, RDMA against TCP', ours: ours('rdma', 'totalMs'), peer: tcp },
      {
        ...{ ...shared, floor: 0.23, aim: 0.05, name: 'downtime of a VM that moves, RDMA against TCP' },
        ...{ ours: ours('rdma', 'downtimeMs'), peer: ours('tcp', 'downtimeMs') },
      },
    ],
    async close() {
      const both = await started?.catch(() => undefined);
      await both?.job.cancel();
      await both?.cluster.stop();
    },
  };
}

async function start(): Promise<{ readonly cluster: ProcessCluster; readonly job: MovingJob }> {
  let said = '';
  const onDiagnostics = (text: string): void => void (said += text);
  const { exitCode, image } = await compile({ language: 'c', args: ['-O3', program], cwd: process.cwd(), onDiagnostics });
  if (exitCode !== 0 || image === undefined) throw new Error(`${program} did not compile (${exitCode}):\n${said}`);
  const cluster = await ProcessCluster.start({ hosts: 2, cores: 1 });
  const args = ['dirty', String(load.usedMib), String(load.pagesPerMs)];
  const signal = new AbortController().signal;
  const job = await MovingJob.start(cluster.url, { image, args, processes: 1, memoryBytes: load.memoryMib * mebibyte, signal });
  // The first move brings the image to the other host.
  await job.move(0, { transport: 'tcp' });
  return { cluster, job };
}

/** Runs one program on the thread of a vCPU, from instantiation to its last instruction. */
import type { MessagePort } from 'node:worker_threads';
import { ConsoleWriter } from './console-ring.ts';
import { ControlBlock, VCPU_RUNNING, VCPU_STOPPED, VCPU_WAITING, word } from './control-block.ts';
import { crashReport, describeTrap, isTrap } from './crash-report.ts';
import { hypercallImport, hypercallSlots } from './hypercalls/table.ts';
import { judged } from './judgement.ts';
import { openPath } from './paths/open-path.ts';
import { EXIT_INTERNAL, EXIT_TRAPPED, ProgramEnd, type ProgramOutcome } from './program-end.ts';
import { Vmm } from './vmm.ts';
import { createWasi } from './wasi/imports.ts';
import type { FromVcpu, RunOrder } from './worker-protocol.ts';

export function runProgram(order: RunOrder, answers: MessagePort, post: (message: FromVcpu) => void): void {
  const control = new ControlBlock(order.control);
  const vmm = new Vmm(order.memory, control, post, order.ioPath === 'native');
  const cpuBefore = process.threadCpuUsage();
  let stackPointer: (() => number) | undefined;
  let outcome: ProgramOutcome;
  let unclean = false;
  let close = (): void => undefined;
  try {
    const console = new ConsoleWriter(order.console, (wait) => {
      vmm.sleep(VCPU_WAITING, wait);
    });
    const wasi = createWasi(order, vmm, console, hypercallSlots);
    close = wasi.close;
    const adapter = openPath(order, vmm);
    const context = { vmm, adapter, answers, run: order.run, rank: order.rank, size: order.size, generation: 0 };
    control.store(word.state, VCPU_RUNNING);
    post({ type: 'started' });
    const instance = new WebAssembly.Instance(order.module, {
      env: { memory: order.memory },
      wasi_snapshot_preview1: wasi.imports,
      verbena: { hypercall: hypercallImport(context, false), hypercall_block: hypercallImport(context, true) },
      hca: { uar_write: adapter.uarWrite },
    });
    const pointer = instance.exports['__stack_pointer'];
    if (pointer instanceof WebAssembly.Global) stackPointer = () => Number(pointer.value);
    const start = instance.exports['_start'];
    if (typeof start !== 'function') throw new Error('the module exports no _start');
    start();
    outcome = { cause: 'exited', exitCode: 0, detail: '' };
  } catch (error) {
    ({ outcome, unclean } = outcomeOf(error, vmm, order.rank, stackPointer));
  }
  close();
  const { user, system } = process.threadCpuUsage(cpuBefore);
  control.setCounter('cpuSeconds', (user + system) / 1e6);
  control.store(word.state, VCPU_STOPPED);
  post({ type: 'ended', outcome: judged(vmm.ended ?? outcome, { ...order, memory: vmm.memory, control }), unclean });
}

function outcomeOf(
  error: unknown,
  vmm: Vmm,
  rank: number,
  stackPointer: (() => number) | undefined,
): { outcome: ProgramOutcome; unclean: boolean } {
  if (error instanceof ProgramEnd) return { outcome: error.outcome, unclean: false };
  if (isTrap(error))
    return {
      outcome: { cause: 'trapped', exitCode: EXIT_TRAPPED, detail: crashReport(rank, describeTrap(error, stackPointer?.())) },
      unclean: true,
    };
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    outcome: {
      cause: 'internal',
      exitCode: EXIT_INTERNAL,
      detail: `rank ${String(rank)}: the hypervisor failed in a call of the guest: ${words}`,
    },
    unclean: true,
  };
}

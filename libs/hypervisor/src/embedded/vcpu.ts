/** Runs one program on the thread of a vCPU, from instantiation to its last instruction. */
import type { MessagePort } from 'node:worker_threads';
import type { PathAdapter } from './adapter-binding.ts';
import { ConsoleWriter } from './console-ring.ts';
import { ControlBlock, VCPU_RUNNING, VCPU_STOPPED, VCPU_WAITING, word } from './control-block.ts';
import { crashReport, describeTrap, isTrap } from './crash-report.ts';
import { GuestClock } from './guest-clock.ts';
import { hypercallImport, hypercallSlots } from './hypercalls/table.ts';
import { judged } from './judgement.ts';
import { openPath } from './paths/open-path.ts';
import { EXIT_INTERNAL, EXIT_TRAPPED, ProgramEnd, type ProgramOutcome } from './program-end.ts';
import { Suspension } from './suspension.ts';
import { Vmm } from './vmm.ts';
import { createWasi } from './wasi/imports.ts';
import type { FromVcpu, RunOrder, SuspendedPart } from './worker-protocol.ts';

export function runProgram(order: RunOrder, answers: MessagePort, post: (message: FromVcpu) => void): void {
  const control = new ControlBlock(order.control);
  const vmm = new Vmm(order.memory, control, post, order.ioPath === 'native');
  const cpuBefore = process.threadCpuUsage();
  const clock = new GuestClock(order.from);
  const { from, suspendable } = order;
  const suspension = new Suspension({ control, memory: vmm.memory, post, frameBytes: suspendable?.frameBytes, ...(from && { from }) });
  let stackPointer: (() => number) | undefined;
  let outcome: ProgramOutcome;
  let unclean = false;
  let close = (): void => undefined;
  try {
    const console = new ConsoleWriter(order.console, (wait) => {
      vmm.sleep(VCPU_WAITING, wait);
    });
    const wasi = createWasi({ order, vmm, clock, suspension, console, firstSlot: hypercallSlots });
    close = wasi.close;
    const { adapter, calls } = openPath(order, vmm);
    close = () => {
      wasi.close();
      leaveAdapter(adapter);
    };
    const { rank, spawns } = order;
    const context = {
      ...{ vmm, clock, suspension, adapter, answers, run: order.run, rank, spawns },
      generation: order.from?.rendezvous ?? order.rendezvous,
    };
    control.store(word.state, VCPU_RUNNING);
    if (order.from === undefined) post({ type: 'started' });
    const instance = new WebAssembly.Instance(order.module, {
      env: { memory: order.memory },
      wasi_snapshot_preview1: wasi.imports,
      verbena: { hypercall: hypercallImport(context, false), hypercall_block: hypercallImport(context, true) },
      hca: { uar_write: adapter.uarWrite },
      ivc: { ...calls },
    });
    const pointer = instance.exports['__stack_pointer'];
    if (pointer instanceof WebAssembly.Global) stackPointer = () => Number(pointer.value);
    const start = instance.exports['_start'];
    if (typeof start !== 'function') throw new Error('the module exports no _start');
    if (order.from !== undefined) {
      setGlobals(instance.exports, order.from.globals);
      post({ type: 'started' });
    }
    suspension.attach(instance.exports);
    start();
    const suspended = suspension.finish();
    if (suspended !== undefined) {
      const clocks = { monotonicNs: clock.monotonic(), cpuNs: clock.cpu() };
      const globals = globalsOf(instance.exports, order.suspendable?.globals ?? []);
      const part: SuspendedPart = { ...suspended, ...clocks, globals, rendezvous: context.generation, ...wasi.keep() };
      close();
      stop(control, cpuBefore);
      post({ type: 'suspended', part });
      return;
    }
    outcome = { cause: 'exited', exitCode: 0, detail: '' };
  } catch (error) {
    ({ outcome, unclean } = outcomeOf(error, vmm, order.rank, stackPointer));
  }
  close();
  stop(control, cpuBefore);
  post({ type: 'ended', outcome: judged(vmm.ended ?? outcome, { ...order, memory: vmm.memory, control }), unclean });
}

/** A program that was told to stop may be told so once more. */
function leaveAdapter({ close }: PathAdapter): void {
  try {
    close?.();
  } catch (error) {
    if (!(error instanceof ProgramEnd)) throw error;
  }
}

/** The thread has nothing of the program any more; CPU time adds up over the times that it was on one. */
function stop(control: ControlBlock, cpuBefore: NodeJS.CpuUsage): void {
  const { user, system } = process.threadCpuUsage(cpuBefore);
  control.add('cpuSeconds', (user + system) / 1e6);
  control.store(word.state, VCPU_STOPPED);
}

function globalsOf(exports: WebAssembly.Instance['exports'], names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, Number((exports[name] as WebAssembly.Global).value)]));
}

function setGlobals(exports: WebAssembly.Instance['exports'], globals: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(globals)) (exports[name] as WebAssembly.Global).value = value;
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

/** The import object of module wasi_snapshot_preview1 for one program. */
import { IMAGE_FILE_SECTION, parseImageFile } from '@verbena/guest-image';
import type { ConsoleWriter } from '../console-ring.ts';
import { word } from '../control-block.ts';
import type { Vmm } from '../vmm.ts';
import type { RunOrder } from '../worker-protocol.ts';
import type { WasiCall, WasiContext } from './context.ts';
import { ConsoleOutput, devices, StandardInput } from './devices.ts';
import { Directory } from './directory.ts';
import { Disk } from './disk.ts';
import { errnoOf } from './errno.ts';
import { fdCalls, preopenedFd } from './fd-calls.ts';
import { FdTable } from './fd-table.ts';
import { ImageTree } from './image-tree.ts';
import { wasiNames, type WasiName } from './names.ts';
import { pathCalls } from './path-calls.ts';
import { pollCall } from './poll-call.ts';
import { processCalls } from './process-calls.ts';

export interface Wasi {
  readonly imports: Record<string, (...args: never[]) => number>;
  close(): void;
}

const cString = (text: string): Uint8Array => new TextEncoder().encode(`${text.replaceAll('\0', '')}\0`);

/** @param firstSlot of the counters of these calls in the control block */
export function createWasi(order: RunOrder, vmm: Vmm, console: ConsoleWriter, firstSlot: number): Wasi {
  const output = limitedOutput(order, vmm, console);
  const fds = new FdTable(order.openFiles);
  const stdin = new StandardInput(order.stdin);
  const standard = { stdin: () => stdin, stdout: () => output('stdout'), stderr: () => output('stderr') };
  const named = new Map(Object.entries({ ...devices, ...standard }));
  const disk = new Disk({
    root: order.scratchDir,
    temporary: order.temporaryDir,
    limitBytes: order.scratchBytes,
    onTemporary: () => {
      vmm.control.store(word.temporaryFiles, 1);
    },
    device: (name) => named.get(name)?.(),
    image: new ImageTree(
      WebAssembly.Module.customSections(order.module, IMAGE_FILE_SECTION).map((section) => parseImageFile(new Uint8Array(section))),
    ),
  });
  fds.add(stdin);
  fds.add(output('stdout'));
  fds.add(output('stderr'));
  if (fds.add(new Directory([], order.scratchDir)) !== preopenedFd)
    throw new Error('the first directory of a program must be descriptor 3');

  const context: WasiContext = {
    vmm,
    fds,
    disk,
    args: order.args.map(cString),
    environ: Object.entries(order.env).map(([name, value]) => cString(`${name}=${value}`)),
  };
  const calls: Readonly<Record<WasiName, WasiCall>> = {
    ...processCalls(context),
    ...fdCalls(context),
    ...pathCalls(context),
    ...pollCall(context),
  };
  const imports = Object.fromEntries(wasiNames.map((name, i) => [name, guarded(calls[name], vmm, firstSlot + i)]));
  return {
    imports,
    close: () => {
      fds.closeAll();
    },
  };
}

/** Counts the call and turns what the guest did wrong into an error number; anything else is a fault of ours and ends the program. */
function guarded(call: WasiCall, vmm: Vmm, slot: number): (...args: never[]) => number {
  return (...args) => {
    vmm.enter(slot);
    try {
      return call(...args);
    } catch (error) {
      const number = errnoOf(error);
      if (number === undefined) throw error;
      return number;
    } finally {
      vmm.leave();
    }
  };
}

function limitedOutput(order: RunOrder, vmm: Vmm, console: ConsoleWriter): (stream: 'stdout' | 'stderr') => ConsoleOutput {
  const write = (stream: 'stdout' | 'stderr', data: Uint8Array): void => {
    const left = order.outputLimitBytes - vmm.control.counter('outputBytes');
    const kept = data.length <= left ? data : data.subarray(0, Math.max(0, left));
    vmm.control.add('outputBytes', kept.length);
    console.write(stream, kept);
    if (kept.length < data.length)
      vmm.end({
        cause: 'output-limit',
        exitCode: 137,
        detail: `rank ${String(order.rank)} wrote more than the limit of ${String(order.outputLimitBytes)} bytes to stdout and stderr`,
      });
  };
  return (stream) =>
    new ConsoleOutput((data) => {
      write(stream, data);
    });
}

/** The import object of module wasi_snapshot_preview1 for one program. */
import { IMAGE_FILE_SECTION, parseImageFile } from '@verbena/guest-image';
import type { ConsoleWriter } from '../console-ring.ts';
import { word } from '../control-block.ts';
import type { OpenFile } from '../../suspended.ts';
import type { GuestClock } from '../guest-clock.ts';
import type { Suspension } from '../suspension.ts';
import type { Vmm } from '../vmm.ts';
import type { RunOrder } from '../worker-protocol.ts';
import type { WasiCall, WasiContext } from './context.ts';
import { ConsoleOutput, devices, StandardInput } from './devices.ts';
import type { Descriptor } from './descriptor.ts';
import { Directory } from './directory.ts';
import { Disk } from './disk.ts';
import { errnoOf } from './errno.ts';
import { fdCalls, preopenedFd } from './fd-calls.ts';
import { FdTable } from './fd-table.ts';
import { ImageTree } from './image-tree.ts';
import { wasiNames, type WasiName } from './names.ts';
import { keepOpenFiles, reopenFiles, type OpenFilesOptions } from './open-files.ts';
import { pathCalls } from './path-calls.ts';
import { pollCall } from './poll-call.ts';
import { processCalls } from './process-calls.ts';

export interface Wasi {
  readonly imports: Record<string, (...args: never[]) => number>;
  /** What a program that is suspended has open, and what is left of its standard input. */
  keep(): { readonly files: OpenFile[]; readonly stdin: Uint8Array };
  close(): void;
}

const cString = (text: string): Uint8Array => new TextEncoder().encode(`${text.replaceAll('\0', '')}\0`);

export interface WasiOptions {
  readonly order: RunOrder;
  readonly vmm: Vmm;
  readonly clock: GuestClock;
  readonly suspension: Suspension;
  readonly console: ConsoleWriter;
  /** Of the counters of these calls in the control block. */
  readonly firstSlot: number;
}

export function createWasi({ order, vmm, clock, suspension, console, firstSlot }: WasiOptions): Wasi {
  const output = limitedOutput(order, vmm, console);
  const fds = new FdTable(order.openFiles);
  const stdin = new StandardInput(order.stdin);
  const standard = { stdin: () => stdin, stdout: () => output('stdout'), stderr: () => output('stderr') };
  const named = new Map(Object.entries({ ...devices, ...standard }));
  const device = (name: string): Descriptor | undefined => named.get(name)?.();
  const onTemporary = (): void => {
    vmm.control.store(word.temporaryFiles, 1);
  };
  const disk = new Disk({
    root: order.scratchDir,
    temporary: order.temporaryDir,
    limitBytes: order.scratchBytes,
    onTemporary,
    device,
    image: new ImageTree(
      WebAssembly.Module.customSections(order.module, IMAGE_FILE_SECTION).map((section) => parseImageFile(new Uint8Array(section))),
    ),
  });
  const roots = { scratch: order.scratchDir, temporary: order.temporaryDir };
  const open: OpenFilesOptions = { fds, disk, roots, onTemporary, device };
  if (order.from === undefined) {
    fds.add(stdin);
    fds.add(output('stdout'));
    fds.add(output('stderr'));
    if (fds.add(new Directory([], order.scratchDir)) !== preopenedFd)
      throw new Error('the first directory of a program must be descriptor 3');
  } else reopenFiles(order.from.files, open);

  const context: WasiContext = {
    ...{ vmm, clock, suspension, fds, disk },
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
    keep: () => ({ files: keepOpenFiles(open), stdin: stdin.rest() }),
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
    new ConsoleOutput(stream, (data) => {
      write(stream, data);
    });
}

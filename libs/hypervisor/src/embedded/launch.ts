/** Gives a program to the thread of a vCPU: one that begins, one that comes from another domain, or one that was suspended here. */
import { existsSync } from 'node:fs';
import type { DomainConfig, IoPath } from '../port.ts';
import type { ProgramState } from '../suspended.ts';
import type { DomainAttachment, PortBinding } from './adapter-binding.ts';
import { writeBootInfo } from './boot.ts';
import { SUSPEND_NONE, word, type ControlBlock } from './control-block.ts';
import type { Execution } from './execution.ts';
import type { Machine } from './machine.ts';
import type { GuestModule } from './module-cache.ts';
import type { DriverDomains } from './paths/driver-domains.ts';
import { softLid } from './paths/ethernet/frame.ts';
import { openHostPath, type HostPath } from './paths/host-path.ts';
import { restoreControl } from './program-state.ts';
import { Program } from './program.ts';
import type { VcpuThread } from './worker-pool.ts';

export interface Launcher {
  readonly config: DomainConfig;
  readonly module: GuestModule;
  readonly machine: Machine;
  readonly thread: VcpuThread;
  readonly control: ControlBlock;
  readonly port: PortBinding | undefined;
  readonly drivers: DriverDomains;
  readonly openFiles: number;
  readonly consoleBytes: number;
  readonly onLog: (line: string) => void;
}

export interface Launched {
  readonly program: Program;
  readonly path: HostPath;
}

/** @throws Error when the adapter has no context for the thread */
export function launch(launcher: Launcher, { spec, temporaryDir, resumed }: Execution, from: ProgramState | undefined): Launched {
  const { config, module, machine, thread, control, port, drivers, openFiles, consoleBytes, onLog } = launcher;
  const { memory, attachment } = machine;
  if (resumed) control.store(word.suspend, SUSPEND_NONE);
  else {
    control.reset();
    if (from !== undefined) restoreControl(control, from, existsSync(temporaryDir));
  }
  const { ioPath = 'bypass', pkey } = spec;
  writeBootInfo(memory, config, spec, {
    slot: attachment?.slot ?? 0,
    lid: lidOf(ioPath, port, attachment),
    guid: port?.guid ?? 0n,
    spinNs: 0,
  });
  machine.enterCores();
  const path = openHostPath({ ioPath, port, attachment, drivers, pkey, vmId: config.id, memory, control: control.shared });
  const { adapter, frontend, network, segment } = path;
  const { rank, args, env, scratchDir, scratchBytes, outputLimitBytes } = spec;
  const limits = { scratchBytes, outputLimitBytes, memoryLimitBytes: config.memoryBytes, openFiles };
  const { suspendable } = module;
  const program = new Program({
    ...{ spec, thread, control, memory, consoleBytes, onLog },
    transfer: path.transfer,
    order: {
      ...{
        module: module.module,
        ...(adapter && { adapter }),
        ...(frontend && { frontend }),
        ...(network && { network }),
        ...(segment && { segment }),
        ioPath,
        rank,
        rendezvous: spec.rendezvous ?? 0,
        spawns: spec.handlers.spawn !== undefined,
        args,
        env,
        scratchDir,
        temporaryDir,
        ...limits,
      },
      ...(typeof suspendable === 'string' ? {} : { suspendable }),
      ...(from && { from }),
      stdin: from?.stdin ?? spec.stdin ?? new Uint8Array(),
    },
  });
  machine.watchTime(control, path);
  return { program, path };
}

/** The address that the guest gives to others. */
function lidOf(ioPath: IoPath, port: PortBinding | undefined, attachment: DomainAttachment | undefined): number {
  if (port === undefined || attachment === undefined) return 0;
  return ioPath === 'ethernet' ? softLid(port.lid, attachment.slot) : port.lid;
}

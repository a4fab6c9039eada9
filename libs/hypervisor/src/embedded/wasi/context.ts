import type { GuestClock } from '../guest-clock.ts';
import type { Suspension } from '../suspension.ts';
import type { Vmm } from '../vmm.ts';
import type { Disk } from './disk.ts';
import type { FdTable } from './fd-table.ts';

/** What the WASI calls of one program work on. */
export interface WasiContext {
  readonly vmm: Vmm;
  readonly clock: GuestClock;
  readonly suspension: Suspension;
  readonly fds: FdTable;
  readonly disk: Disk;
  readonly args: readonly Uint8Array[];
  readonly environ: readonly Uint8Array[];
}

/** 32-bit arguments come as signed numbers, 64-bit ones as signed bigints. The result is an error number. */
export type WasiCall = (...args: never[]) => number;
export type WasiCalls<Names extends string> = Readonly<Record<Names, WasiCall>>;

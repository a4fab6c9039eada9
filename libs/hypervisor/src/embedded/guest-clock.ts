/**
 * The clocks of one guest. CLOCK_MONOTONIC is the host's and a distance, so that it goes on where it was when the guest has moved to another
 * host or was suspended here; CLOCK_REALTIME is the monotonic clock of the host and a fixed distance: it never steps while a program runs.
 */
import { WasiError } from './wasi/errno.ts';
import { clockId } from './wasi/layouts.ts';

const realtimeOffset = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

const threadCpu = (): bigint => {
  const { user, system } = process.threadCpuUsage();
  return BigInt(user + system) * 1000n;
};

export interface ClockStart {
  readonly monotonicNs: bigint;
  readonly cpuNs: bigint;
}

export class GuestClock {
  readonly #monotonicOffset: bigint;
  readonly #cpuOffset: bigint;

  /** @param start what the clocks show now; a program that begins has the host's monotonic clock and no CPU time */
  constructor(start?: ClockStart) {
    this.#monotonicOffset = start === undefined ? 0n : start.monotonicNs - process.hrtime.bigint();
    this.#cpuOffset = (start?.cpuNs ?? 0n) - threadCpu();
  }

  monotonic(): bigint {
    return process.hrtime.bigint() + this.#monotonicOffset;
  }

  cpu(): bigint {
    return threadCpu() + this.#cpuOffset;
  }

  /** @returns the time in nanoseconds @throws WasiError EINVAL for an unknown clock */
  now(id: number): bigint {
    switch (id) {
      case clockId.monotonic:
        return this.monotonic();
      case clockId.realtime:
        return process.hrtime.bigint() + realtimeOffset;
      case clockId.processCpu:
      case clockId.threadCpu:
        return this.cpu();
      default:
        throw new WasiError('inval');
    }
  }
}

/**
 * Ctrl-C and its kin. The first asks the command to end in order; a second one, from somebody who does not want to wait, ends the process at
 * once. A terminal signals the launcher and us, and the launcher passes its signal on: two that come together are one.
 */
import { constants } from 'node:os';

const togetherMs = 300;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof signals)[number];

/** 130 for SIGINT, 143 for SIGTERM: what a shell says of a process that the signal has ended. */
export function signalExitCode(signal: StopSignal): number {
  return 128 + constants.signals[signal];
}

export interface StopSignals {
  /** Aborts at the first signal; its reason is the signal's name. */
  readonly signal: AbortSignal;
  /** What was received, if anything was. */
  readonly received: StopSignal | undefined;
  /** Signals have their default actions again. */
  release(): void;
}

/** @param atOnce called before the process ends at the second signal; must not wait for anything. */
export function catchStopSignals(atOnce: () => void = () => undefined): StopSignals {
  const controller = new AbortController();
  let received: StopSignal | undefined;
  let receivedAt = 0;
  const handler = (signal: NodeJS.Signals): void => {
    const name = signal as StopSignal;
    if (received === undefined) {
      received = name;
      receivedAt = performance.now();
      controller.abort(name);
    } else if (performance.now() - receivedAt > togetherMs) {
      atOnce();
      process.exit(signalExitCode(name));
    }
  };
  for (const signal of signals) process.on(signal, handler);
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    release: () => signals.forEach((signal) => process.off(signal, handler)),
  };
}

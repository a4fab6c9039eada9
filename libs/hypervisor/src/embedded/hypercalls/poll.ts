import { VB_HC_POLL } from '@verbena/guest-abi';
import type { HypercallHandler } from './context.ts';

/** VB_HC_POLL(): a program that computes has seen VB_POLL_*. It was paused or held back when it came in; here it leaves its thread if it is to. */
export const poll: HypercallHandler = ({ clock, suspension }, ...args) => {
  suspension.stops({ kind: 'hypercall', nr: VB_HC_POLL, args, begunNs: suspension.begun() ?? clock.monotonic() });
  return 0;
};

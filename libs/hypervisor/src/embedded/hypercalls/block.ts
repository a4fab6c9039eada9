import { eventPage, VB_EVENT_PAGE_ADDR, VB_HC_BLOCK } from '@verbena/guest-abi';
import { VCPU_BLOCKED, VCPU_WAITING, word } from '../control-block.ts';
import type { HypercallHandler } from './context.ts';
import { sharedBuffer } from '../shared-buffer.ts';

const WOKEN = 0;
const TIMED_OUT = 1;

/**
 * VB_HC_BLOCK(seen, timeout_lo, timeout_hi): sleeps until event_page.wakeups is no longer `seen`, or the time-out in nanoseconds has passed.
 * Events of masked channels do not end the sleep.
 */
export const block: HypercallHandler = ({ vmm, clock, suspension }, ...args) => {
  const [seen, low, high] = args;
  const { control, memory } = vmm;
  const events = new Int32Array(sharedBuffer(memory.memory), VB_EVENT_PAGE_ADDR, eventPage.size / 4);
  const at = { pending: eventPage.offsets.pending / 4, mask: eventPage.offsets.mask / 4, wakeups: eventPage.offsets.wakeups / 4 };
  const forever = low === -1 && high === -1;
  const begunNs = suspension.begun() ?? clock.monotonic();
  const deadline = begunNs + (BigInt(high >>> 0) << 32n) + BigInt(low >>> 0);
  let known = seen | 0;
  for (;;) {
    if (suspension.stops({ kind: 'hypercall', nr: VB_HC_BLOCK, args, begunNs })) return WOKEN;
    const wakeups = Atomics.load(events, at.wakeups);
    if (wakeups !== known) {
      const pending = Atomics.load(events, at.pending);
      const mask = Atomics.load(events, at.mask);
      if (mask === 0 || pending === 0 || (pending & ~mask) !== 0) {
        // A kill wakes the guest in the same way, and must not let it run on.
        vmm.checkpoint();
        return WOKEN;
      }
      known = wakeups;
    }
    const left = forever ? Infinity : Number(deadline - clock.monotonic()) / 1e6;
    if (left <= 0) return TIMED_OUT;
    control.store(word.seen, known);
    vmm.sleep(forever ? VCPU_BLOCKED : VCPU_WAITING, () => void Atomics.wait(events, at.wakeups, known, left));
  }
};

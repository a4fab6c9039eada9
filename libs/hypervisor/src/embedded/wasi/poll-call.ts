/** poll_oneoff: sleeping until a time, and waiting for files. Files of a guest are always ready, so with one of them nothing sleeps. */
import { VCPU_WAITING, word } from '../control-block.ts';
import type { WasiContext } from './context.ts';
import { StandardInput } from './devices.ts';
import { errno, errnoOf, WasiError } from './errno.ts';
import { event, subscription } from './layouts.ts';
import type { SuspendedCall } from '../../suspended.ts';

const subscriptionLimit = 1024;
const absolute = 1;
const tagClock = 0;

interface Wanted {
  readonly userdata: bigint;
  readonly tag: number;
  readonly target: number;
  /** On the monotonic clock, in nanoseconds; for clocks only. */
  readonly deadline: bigint;
}

export function pollCall({ vmm, fds, clock, suspension }: WasiContext) {
  const { memory, control } = vmm;

  /** @param begun when the call was made, for time-outs that count from then */
  const wantedAt = (address: number, begun: bigint): Wanted => {
    const { view, offset } = memory.at(address, subscription.size);
    const { userdata, tag, target, timeout, flags } = subscription.read(view, offset);
    if (tag !== tagClock) return { userdata, tag, target, deadline: 0n };
    const read = clock.now(target);
    if ((flags & absolute) === 0) return { userdata, tag, target, deadline: begun + timeout };
    const left = timeout - read;
    return { userdata, tag, target, deadline: left > 0n ? clock.monotonic() + left : begun };
  };

  const readiness = ({ target }: Wanted): { error: number; bytes: bigint } => {
    try {
      const file = fds.get(target);
      return { error: errno.success, bytes: file instanceof StandardInput ? BigInt(file.remaining) : 1n };
    } catch (error) {
      return { error: errnoOf(error) ?? errno.io, bytes: 0n };
    }
  };

  /** False when the program left its thread instead. */
  const sleepUntil = (deadline: bigint, call: SuspendedCall): boolean => {
    for (;;) {
      if (suspension.stops(call)) return false;
      const bell = control.load(word.bell);
      const left = deadline - clock.monotonic();
      if (left <= 0n) return true;
      vmm.sleep(VCPU_WAITING, () => void Atomics.wait(control.words, word.bell, bell, Number(left) / 1e6));
    }
  };

  return {
    poll_oneoff: (...given: readonly [number, number, number, number]): number => {
      const resumed = suspension.arrive();
      if (resumed !== undefined && resumed.kind !== 'poll') throw new Error('the program went on in another call than it was suspended in');
      const args = resumed?.args ?? given;
      const begunNs = suspension.begun() ?? clock.monotonic();
      const [subscriptions, events, count, result] = args;
      const total = count >>> 0;
      if (total === 0 || total > subscriptionLimit) throw new WasiError('inval');
      const wanted = Array.from({ length: total }, (_, i) => wantedAt((subscriptions >>> 0) + i * subscription.size, begunNs));
      memory.window(events, total * event.size);
      const files = wanted.filter(({ tag }) => tag !== tagClock);
      const deadlines = wanted.filter(({ tag }) => tag === tagClock).map(({ deadline }) => deadline);
      if (files.length === 0) {
        const first = deadlines.reduce((a, b) => (a < b ? a : b));
        if (!sleepUntil(first, { kind: 'poll', nr: 0, args, begunNs })) return errno.success;
      }
      const now = clock.monotonic();
      let written = 0;
      for (const one of wanted) {
        if (one.tag === tagClock && one.deadline > now) continue;
        const { error, bytes } = one.tag === tagClock ? { error: errno.success, bytes: 0n } : readiness(one);
        const { view, offset } = memory.at((events >>> 0) + written++ * event.size, event.size);
        event.write(view, offset, { userdata: one.userdata, error, type: one.tag, bytes, flags: 0 });
      }
      memory.setU32(result, written);
      return errno.success;
    },
  };
}

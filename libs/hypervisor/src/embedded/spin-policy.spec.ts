import { bootInfo, VB_BOOT_INFO_ADDR } from '@verbena/guest-abi';
import { describe, expect, it } from 'vitest';
import { SpinPolicy } from './spin-policy.ts';

const guest = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
const spinOf = (memory: WebAssembly.Memory): number =>
  new DataView(memory.buffer).getUint32(VB_BOOT_INFO_ADDR + bootInfo.offsets.spin_ns, true);

describe('the time that guests may spin', () => {
  it('is long while each has a core, and short for all of them as soon as one has not', () => {
    const policy = new SpinPolicy({ cores: 2, aloneNs: 50_000, crowdedNs: 2_000 });
    const [a, b, c] = [guest(), guest(), guest()];
    policy.enter(a);
    policy.enter(b);
    expect([spinOf(a), spinOf(b)]).toEqual([50_000, 50_000]);
    const leave = policy.enter(c);
    expect([spinOf(a), spinOf(b), spinOf(c)]).toEqual([2_000, 2_000, 2_000]);
    leave();
    expect([spinOf(a), spinOf(b)]).toEqual([50_000, 50_000]);
    leave();
    expect(spinOf(a)).toBe(50_000);
  });
});

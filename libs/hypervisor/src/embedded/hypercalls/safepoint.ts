import { VB_HC_SAFEPOINT, VB_SAFEPOINT_NEW_ADAPTER, VB_SAFEPOINT_SAME } from '@verbena/guest-abi';
import { RELEASE_EPOCH_SHIFT, RELEASE_NEW_ADAPTER, VCPU_WAITING, word } from '../control-block.ts';
import type { HypercallHandler } from './context.ts';

const modeMask = (1 << RELEASE_EPOCH_SHIFT) - 1;

/**
 * VB_HC_SAFEPOINT(epoch, flags): the guest's channels are quiet. Sleeps until the main thread releases this epoch; here the guest can be
 * suspended although it uses the adapter. An epoch that nobody asks for is answered at once.
 */
export const safepoint: HypercallHandler = ({ vmm, clock, suspension }, ...args) => {
  const { control } = vmm;
  const [epoch, flags] = args;
  const begunNs = suspension.begun() ?? clock.monotonic();
  const asked = (): boolean => epoch !== 0 && control.load(word.quiesce) === epoch;
  if (asked()) vmm.post({ type: 'safepoint', epoch, flags });
  while (asked()) {
    const bell = control.load(word.bell);
    if (!asked()) break;
    if (suspension.stops({ kind: 'hypercall', nr: VB_HC_SAFEPOINT, args, begunNs })) return VB_SAFEPOINT_SAME;
    vmm.sleep(VCPU_WAITING, () => void Atomics.wait(control.words, word.bell, bell));
  }
  const release = control.load(word.release);
  // Read once: until then nobody may ask for another epoch.
  Atomics.compareExchange(control.words, word.release, release, 0);
  const answers = release >>> RELEASE_EPOCH_SHIFT === epoch;
  return answers && (release & modeMask) === RELEASE_NEW_ADAPTER ? VB_SAFEPOINT_NEW_ADAPTER : VB_SAFEPOINT_SAME;
};

import { receiveMessageOnPort } from 'node:worker_threads';
import { VB_CARD_MAX, VB_EINVAL, VB_ENODEV } from '@verbena/guest-abi';
import { VCPU_WAITING, word } from '../control-block.ts';
import type { RendezvousAnswer } from '../worker-protocol.ts';
import type { HypercallHandler } from './context.ts';

/** VB_HC_RENDEZVOUS(in, in_len, out, out_cap): gives this rank's card, sleeps until every rank has given its own, and gets them all. */
export const rendezvous: HypercallHandler = (context, input, inputLength, output, capacity) => {
  const { vmm, adapter, answers, run } = context;
  const length = inputLength >>> 0;
  if (length === 0 || length > VB_CARD_MAX || length > capacity >>> 0) return VB_EINVAL;
  const card = vmm.memory.copy(input, length);
  vmm.memory.window(output, capacity >>> 0);
  adapter.settle?.();
  vmm.post({ type: 'rendezvous', generation: context.generation++, card });
  for (;;) {
    const bell = vmm.control.load(word.bell);
    const received = receiveMessageOnPort(answers) as { readonly message: RendezvousAnswer } | undefined;
    if (received === undefined) {
      vmm.sleep(VCPU_WAITING, () => void Atomics.wait(vmm.control.words, word.bell, bell));
      continue;
    }
    const { message } = received;
    // Meant for a program that was stopped while it waited, on this thread, before.
    if (message.run !== run) continue;
    if ('failed' in message || message.cards.length % length !== 0) return VB_ENODEV;
    // The job has more ranks than the guest knows of.
    if (message.cards.length > capacity >>> 0) return VB_EINVAL;
    vmm.memory.write(output, message.cards);
    return message.cards.length;
  }
};

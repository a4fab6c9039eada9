import { VB_EINVAL } from '@verbena/guest-abi';
import type { HypercallHandler } from './context.ts';

/** Longer than every input structure of hca.h. */
const inputLimit = 4096;

/** VB_HC_HCA_COMMAND(opcode, in, in_len, out): the input is copied once, so that it cannot change while the adapter checks it. */
export const hcaCommand: HypercallHandler = ({ vmm, adapter }, opcode, input, length, output) => {
  if (length >>> 0 > inputLimit) return VB_EINVAL;
  const result = adapter.command(opcode >>> 0, vmm.memory.copy(input, length));
  if (result.status === 0 && result.output.length > 0) vmm.memory.write(output, result.output);
  return result.status;
};

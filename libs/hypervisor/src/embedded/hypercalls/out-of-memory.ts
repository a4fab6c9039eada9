import { word } from '../control-block.ts';
import type { HypercallHandler } from './context.ts';

/** VB_HC_OUT_OF_MEMORY(bytes): the heap could not grow. The program may cope; only if it then ends badly is this the reason that is reported. */
export const outOfMemory: HypercallHandler = ({ vmm }) => {
  vmm.control.store(word.outOfMemory, 1);
  return 0;
};

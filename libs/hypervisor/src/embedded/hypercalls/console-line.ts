import { VB_EINVAL, VB_ENOSPC } from '@verbena/guest-abi';
import type { HypercallHandler } from './context.ts';
import { printable } from './printable.ts';

const lineLimit = 4096;
/** Lines of one program; a guest is not to fill the host's log. */
const linesLimit = 1000;

/** VB_HC_CONSOLE(addr, len): a line for the hypervisor's log. */
export const consoleLine: HypercallHandler = ({ vmm }, address, length) => {
  if (length >>> 0 > lineLimit) return VB_EINVAL;
  if (vmm.control.counter('consoleLines') >= linesLimit) return VB_ENOSPC;
  const line = printable(vmm.memory.copy(address, length));
  vmm.control.add('consoleLines', 1);
  vmm.post({ type: 'log', line });
  return 0;
};

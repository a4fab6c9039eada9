import type { HypercallHandler } from './context.ts';
import { printable } from './printable.ts';

const textLimit = 1024;

/** VB_HC_ABORT(code, addr, len): MPI_Abort (MPI 3.1, section 8.7). Text that cannot be read does not keep the job from ending. */
export const abort: HypercallHandler = ({ vmm, rank }, code, address, length) => {
  let text = '';
  try {
    text = printable(vmm.memory.copy(address, Math.min(length >>> 0, textLimit)), true);
  } catch {
    text = '(its text lies outside the guest memory)';
  }
  // An exit status has 8 bits, and an abort is never a success.
  const exitCode = code & 0xff;
  return vmm.end({
    cause: 'mpi-abort',
    exitCode: exitCode === 0 ? 1 : exitCode,
    detail: text.trim() === '' ? `rank ${String(rank)} called MPI_Abort with code ${String(code)}` : text,
  });
};

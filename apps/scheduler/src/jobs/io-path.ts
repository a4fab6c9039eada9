/** I/O paths in the words of the domain and of the contract. */
import { jobv1 } from '@verbena/contracts';
import type { IoPath } from '@verbena/domain-job';

const wire: Readonly<Record<IoPath, jobv1.IoPath>> = {
  bypass: jobv1.IoPath.BYPASS,
  native: jobv1.IoPath.NATIVE,
  vmm: jobv1.IoPath.VMM,
  split: jobv1.IoPath.SPLIT,
  ethernet: jobv1.IoPath.ETHERNET,
  sriov: jobv1.IoPath.SRIOV,
  ivc: jobv1.IoPath.IVC,
};
const paths = new Map<jobv1.IoPath, IoPath>(Object.entries(wire).map(([path, value]) => [value, path as IoPath]));

export const isIoPath = (value: jobv1.IoPath): boolean => value === jobv1.IoPath.UNSPECIFIED || paths.has(value);

/** The path that a specification asks for; bypass when it does not say. */
export const ioPathOf = (value: jobv1.IoPath): IoPath => paths.get(value) ?? 'bypass';

export const wireIoPath = (path: IoPath | undefined): jobv1.IoPath => wire[path ?? 'bypass'];

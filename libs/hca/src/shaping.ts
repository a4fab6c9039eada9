/** Limits of rate: a queue pair whose domain or port has one takes the long way, where somebody decides whose turn it is. */
import type { DomainRow, PortRow } from './adapter-memory.ts';
import { VBF_SLOW_SHAPED } from './layout.ts';

/** VBF_SLOW_SHAPED, or 0. */
export function shapingOf(domain: DomainRow, port: PortRow): number {
  return domain.get('rate') !== 0 || port.get('rate') !== 0 ? VBF_SLOW_SHAPED : 0;
}

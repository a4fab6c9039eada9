/**
 * P_Keys (InfiniBand vol. 1, section 10.9): 15 bits name the partition, the 16th says that the member is a full one. In the adapter memory a
 * limited member's key has its slot above them, so that the data path, which compares keys for equality first, finds no two limited members equal.
 */
export const FULL_MEMBER = 0x8000;
const PARTITION = 0x7fff;

/** What stands in a domain's table for a partition (1 to 0x7fff; the bit of membership is ignored). */
export function tableEntry(slot: number, pkey: number, limited: boolean): number {
  const partition = pkey & PARTITION;
  if (partition === 0) return 0;
  return limited ? (partition | ((slot + 1) << 16)) >>> 0 : partition | FULL_MEMBER;
}

/** Whether two members may talk: of one partition, and not both limited. As partition.h. */
export function pkeysMatch(a: number, b: number): boolean {
  return ((a ^ b) & PARTITION) === 0 && (a & PARTITION) !== 0 && ((a | b) & FULL_MEMBER) !== 0;
}

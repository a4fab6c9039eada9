/** Identifiers of events: random UUIDs (RFC 9562, version 4), kept as 16 bytes until somebody reads them. */
import { randomFillSync } from 'node:crypto';

const bytes = 16;
const poolBytes = bytes * 256;
let pool = Buffer.alloc(poolBytes);
let used = pool.length;

export function newEventId(): Buffer {
  if (used === pool.length) {
    // The ids of the old one are parts of it: one allocation for many.
    pool = randomFillSync(Buffer.alloc(poolBytes));
    used = 0;
  }
  const id = pool.subarray(used, used + bytes);
  used += bytes;
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id;
}

export function formatId(id: Buffer): string {
  const hex = id.toString('hex', 0, bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

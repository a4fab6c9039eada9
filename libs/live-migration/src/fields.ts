/** Named fields as JSON (RFC 8259): 64-bit numbers as {"$n": "decimal"}, bytes as {"$b": "base64"}. What the fields mean is for whoever reads them. */
import { BadStream } from './errors.ts';

const deepest = 16;

export function encodeFields(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(tagged(value)));
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: String(value) };
  if (value instanceof Uint8Array) return { $b: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, tagged(inner)]));
}

/** @throws BadStream */
export function decodeFields(bytes: Uint8Array): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new BadStream('the fields of a snapshot are no JSON', { cause });
  }
  return untagged(parsed, 0);
}

function untagged(value: unknown, depth: number): unknown {
  if (depth > deepest) throw new BadStream('the fields of a snapshot are nested too deeply');
  if (Array.isArray(value)) return value.map((inner) => untagged(inner, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [name, inner] = entries.length === 1 ? (entries[0] ?? []) : [];
  if (name === '$n' && typeof inner === 'string' && /^-?\d{1,20}$/.test(inner)) return BigInt(inner);
  if (name === '$b' && typeof inner === 'string') return new Uint8Array(Buffer.from(inner, 'base64'));
  // A null prototype: no name is special.
  return Object.assign(Object.create(null), Object.fromEntries(entries.map(([key, each]) => [key, untagged(each, depth + 1)]))) as unknown;
}

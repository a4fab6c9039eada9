/** A program's state as JSON: 64-bit numbers as {"$n": "..."}, bytes as {"$b": base64}. What it means is checked by the driver that restores it. */
import { BadFrame } from './frames.ts';

const deepest = 12;

export function encodeState(value: unknown): Uint8Array {
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key: string, inner: unknown) {
    const raw = this[key];
    if (typeof raw === 'bigint') return { $n: String(raw) };
    if (raw instanceof Uint8Array) return { $b: Buffer.from(raw).toString('base64') };
    return inner;
  });
  return new TextEncoder().encode(text);
}

/** @throws {BadFrame} */
export function decodeState(bytes: Uint8Array): unknown {
  try {
    return revived(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown, 0);
  } catch (cause) {
    throw new BadFrame('the state of a program is not what this protocol has', { cause });
  }
}

function revived(value: unknown, depth: number): unknown {
  if (depth > deepest) throw new BadFrame('the state of a program is nested too deeply');
  if (Array.isArray(value)) return value.map((inner) => revived(inner, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && typeof only[1] === 'string') {
    if (only[0] === '$n' && /^-?\d{1,20}$/.test(only[1])) return BigInt(only[1]);
    if (only[0] === '$b') return new Uint8Array(Buffer.from(only[1], 'base64'));
  }
  return Object.fromEntries(entries.filter(([key]) => key !== '__proto__').map(([key, inner]) => [key, revived(inner, depth + 1)]));
}

/** Sizes and times as people write and read them. */
import { usageError } from '../errors.ts';

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** 1536 -> "1.5 KiB". */
export function humanBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1023.95 && unit < sizeUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${sizeUnits[unit] ?? ''}`;
}

/** 0.0123 -> "12 ms", 75 -> "1m15s", 93784 -> "1d2h". */
export function humanSeconds(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '-';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1).replace(/\.0$/, '')} s`;
  const whole = Math.round(seconds);
  const [days, hours, minutes, rest] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (days > 0) return `${days}d${hours}h`;
  if (hours > 0) return `${hours}h${minutes}m`;
  return `${minutes}m${rest}s`;
}

/** "512M", "1.5G", "64KiB", "1048576" in bytes; units are powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtKMGT]?)(?:i?[bB])?$/.exec(text.trim());
  if (!match) throw usageError(`"${text}" is not a size; write for example 512M or 1G`);
  const power = ['', 'k', 'm', 'g', 't'].indexOf((match[2] ?? '').toLowerCase());
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** Bounds of the adapter: a byte to 2^26 bytes a millisecond. */
const [leastRate, mostRate] = [1_000, 1_000 * 2 ** 26];

/** "10M", "1.5G" in bytes a second. */
export function parseRate(option: string): (text: string) => number {
  return (text) => {
    const rate = parseBytes(text);
    if (rate < leastRate || rate > mostRate) throw usageError(`${option} wants 1000 to ${String(mostRate)} bytes a second, not "${text}"`);
    return rate;
  };
}

/** "90", "90s", "10m", "1h30m", "500ms", "00:10:00" in seconds. */
export function parseSeconds(text: string): number {
  const wrong = usageError(`"${text}" is not a duration; write for example 90s, 10m or 1h30m`);
  const clock = /^(?:(\d+):)?(\d{1,2}):(\d{2})$/.exec(text);
  if (clock) return Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
  if (/^\d+(\.\d+)?$/.test(text)) return positive(Number(text), wrong);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw wrong;
  const factors: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 };
  let seconds = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) seconds += Number(number) * (factors[unit ?? ''] ?? 0);
  return positive(seconds, wrong);
}

function positive(seconds: number, wrong: Error): number {
  if (!(seconds > 0)) throw wrong;
  return seconds;
}

/** A whole number of at least `least`, for an option. */
export function parseCount(option: string, least = 1, most = 1_000_000): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw usageError(`${option} wants a whole number from ${least} to ${most}, not "${text}"`);
    return value;
  };
}

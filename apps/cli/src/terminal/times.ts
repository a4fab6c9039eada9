/** Moments of the cluster's clock for people. */
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { humanSeconds } from './units.ts';

/** Seconds from one moment to another; undefined when one of them is missing. */
export function secondsBetween(from: Timestamp | undefined, to: Timestamp | Date | undefined): number | undefined {
  if (!from || !to) return undefined;
  const end = to instanceof Date ? to : timestampDate(to);
  return Math.max(0, (end.getTime() - timestampDate(from).getTime()) / 1000);
}

/** "3m12s" since a moment, "-" when there is none. */
export function age(moment: Timestamp | undefined, now: Date): string {
  const seconds = secondsBetween(moment, now);
  if (seconds === undefined) return '-';
  return seconds < 1 ? '0 s' : humanSeconds(Math.floor(seconds));
}

/** "2026-11-21 08:15:07.123", local time. */
export function localTime(moment: Timestamp | undefined): string {
  if (!moment) return '-';
  const date = timestampDate(moment);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
  return `${day} ${time}`;
}

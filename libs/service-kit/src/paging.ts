import { Code, ConnectError } from '@connectrpc/connect';

const defaultSize = 100;
const largestSize = 1_000;

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * A page after the item that the token stands for. The key must not change while somebody pages. An item that is not `shown` any more still
 * marks its place, so what ends between two pages spoils nobody's list; but `all` must hold only what the caller may know of.
 */
export function pageOf<T>(
  all: readonly T[],
  key: (item: T) => string,
  pageSize: number,
  pageToken: string,
  shown: (item: T) => boolean = () => true,
): Page<T> {
  const size = Math.min(pageSize === 0 ? defaultSize : pageSize, largestSize);
  const items: T[] = [];
  for (const item of all.slice(placeOf(all, key, pageToken) + 1)) {
    if (!shown(item)) continue;
    const last = items.at(-1);
    if (last !== undefined && items.length === size) return { items, nextPageToken: Buffer.from(key(last)).toString('base64url') };
    items.push(item);
  }
  return { items, nextPageToken: '' };
}

function placeOf<T>(all: readonly T[], key: (item: T) => string, pageToken: string): number {
  if (pageToken === '') return -1;
  const wanted = Buffer.from(pageToken, 'base64url').toString();
  const place = all.findIndex((item) => key(item) === wanted);
  if (place < 0) throw new ConnectError('the page token is of no page: start again without one', Code.InvalidArgument);
  return place;
}

import { Code, ConnectError } from '@connectrpc/connect';

const defaultSize = 100;
const largestSize = 1_000;

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** A page after the item whose key is the token. The key must not change while somebody pages. */
export function pageOf<T>(all: readonly T[], key: (item: T) => string, pageSize: number, pageToken: string): Page<T> {
  const size = Math.min(pageSize === 0 ? defaultSize : pageSize, largestSize);
  const at = pageToken === '' ? -1 : all.findIndex((item) => key(item) === pageToken);
  if (pageToken !== '' && at < 0) throw new ConnectError('the page token is of no page: start again without one', Code.InvalidArgument);
  const items = all.slice(at + 1, at + 1 + size);
  const last = items.at(-1);
  return { items, nextPageToken: last !== undefined && at + 1 + size < all.length ? key(last) : '' };
}

/** Follows page tokens, up to `limit` items; a bound on pages keeps a broken server from holding us for ever. */
export async function collect<T>(
  page: (request: { pageToken: string; pageSize: number }) => Promise<{ items: readonly T[]; next: string }>,
  limit = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const maxPages = 10_000;
  const items: T[] = [];
  for (let pageToken = '', index = 0; index < maxPages && items.length < limit; index++) {
    const answer = await page({ pageToken, pageSize: Math.min(500, limit - items.length) });
    items.push(...answer.items);
    pageToken = answer.next;
    if (pageToken === '') break;
  }
  return items.slice(0, limit);
}

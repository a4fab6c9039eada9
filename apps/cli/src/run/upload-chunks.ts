/** Brings chunks to storage: only those that it lacks, several at a time, each verified and durable there before we go on. */
import { storagev1 } from '@verbena/contracts';
import type { Session } from '../endpoint/session.ts';

export interface UploadChunk {
  readonly digest: string;
  readonly data: Uint8Array;
}

const atOnce = 4;

/** @returns the bytes that travelled. */
export async function uploadChunks(
  session: Session,
  chunks: readonly UploadChunk[],
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void } = {},
): Promise<number> {
  const client = session.client(storagev1.ChunkService);
  const call = options.signal ? { signal: options.signal } : {};
  const byDigest = new Map(chunks.map((chunk) => [chunk.digest, chunk.data]));
  const { digests } = await client.missingChunks({ digests: [...byDigest.keys()] }, call);
  const missing = digests.flatMap((digest) => {
    const data = byDigest.get(digest);
    return data ? [{ digest, data }] : [];
  });
  const total = missing.reduce((sum, { data }) => sum + data.length, 0);
  let done = 0;
  const queue = missing.values();
  const worker = async (): Promise<void> => {
    for (const { digest, data } of queue) {
      await client.putChunk({ digest, data }, call);
      done += data.length;
      options.onProgress?.(done, total);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return total;
}

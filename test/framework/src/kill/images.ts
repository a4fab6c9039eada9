/** The program of a campaign, as images: each seed's is another to the cluster, with chunks that no node has. */
import { imagev1, storagev1 } from '@verbena/contracts';
import { buildImage, chunk, imageFileSection, type GuestImage } from '@verbena/guest-image';
import { seededRandom } from '@verbena/service-kit/testing';
import type { ProcessCluster } from '../process-cluster.ts';
import { persistently } from './patience.ts';

const cargoBytes = 400_000;

/** The program with a file of the seed's own beside it. */
export function imageOfSeed({ manifest, wasm }: GuestImage, seed: number): GuestImage {
  const content = seededRandom(seed)(cargoBytes);
  const { libraries, memory, asyncify, labels } = manifest;
  return buildImage({ wasm: Buffer.concat([wasm, imageFileSection({ path: 'cargo', content })]), libraries, memory, asyncify, labels });
}

/** Brings an image into the catalogue, whoever is killed meanwhile. @returns its digest */
export async function push(cluster: ProcessCluster, image: GuestImage, name: string): Promise<string> {
  const chunks = chunk(image.wasm).map(({ digest, offset, size }) => ({ digest, size, data: image.wasm.subarray(offset, offset + size) }));
  const store = cluster.client(storagev1.ChunkService);
  await persistently(`the chunks of ${name} are stored`, async () => {
    for (const { digest, data } of chunks) await store.putChunk({ digest, data }, { timeoutMs: 5_000 });
  });
  const request = { name, manifest: image.manifestBytes, chunks: chunks.map(({ digest, size }) => ({ digest, size })) };
  await persistently(`${name} is registered`, () => cluster.client(imagev1.ImageService).registerImage(request, { timeoutMs: 5_000 }));
  return image.digest;
}

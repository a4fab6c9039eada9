/** Brings an image into the cluster's catalogue. The same content gives the same version, and travels once. */
import { imagev1 } from '@verbena/contracts';
import { chunk, type GuestImage } from '@verbena/guest-image';
import type { Session } from '../endpoint/session.ts';
import { uploadChunks } from './upload-chunks.ts';

export interface PushOptions {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Pushed {
  readonly image: imagev1.Image | undefined;
  readonly created: boolean;
  readonly bytesUploaded: number;
}

export async function pushImage(session: Session, image: GuestImage, options: PushOptions): Promise<Pushed> {
  const chunks = chunk(image.wasm).map(({ digest, offset, size }) => ({ digest, size, data: image.wasm.subarray(offset, offset + size) }));
  const bytesUploaded = await uploadChunks(session, chunks, options);
  const answer = await session.client(imagev1.ImageService).registerImage(
    {
      name: options.name,
      manifest: image.manifestBytes,
      chunks: chunks.map(({ digest, size }) => ({ digest, size })),
      labels: { ...options.labels },
    },
    options.signal ? { signal: options.signal } : {},
  );
  return { image: answer.image, created: answer.created, bytesUploaded };
}

/** The image of a job: asked of the image manager, and what follows from it for the job's VMs. */
import { Code, ConnectError } from '@connectrpc/connect';
import { imagev1 } from '@verbena/contracts';
import type { ImageMatch, JobSpec } from '@verbena/domain-job';
import { parseManifest } from '@verbena/guest-image';
import type { Bus } from '@verbena/messaging';

const callMs = 10_000;

/** @throws ConnectError: of the image manager, or INVALID_ARGUMENT when the job's memory is too small for the image */
export async function matchImage(bus: Bus, spec: JobSpec, actor: string, signal?: AbortSignal): Promise<ImageMatch> {
  const { requirements } = spec;
  const { image } = await bus.client(imagev1.ImageService).matchImage(
    {
      ref: spec.image,
      requirements: { ...requirements, libraries: { ...requirements.libraries }, labels: { ...requirements.labels } },
      actor,
    },
    { timeoutMs: callMs, ...(signal !== undefined && { signal }) },
  );
  if (image === undefined) throw new ConnectError('the image manager answered without an image', Code.Internal);
  const { memory } = parseManifest(image.manifest);
  const memoryBytes = spec.memoryBytes === 0 ? memory.defaultBytes : spec.memoryBytes;
  if (memoryBytes < memory.minimumBytes) {
    throw new ConnectError(
      `image ${image.name}:${image.version} needs at least ${memory.minimumBytes} bytes of memory; the job gives its VMs ${memoryBytes}`,
      Code.InvalidArgument,
    );
  }
  return {
    imageDigest: image.digest,
    imageName: image.name,
    imageVersion: image.version,
    imageBytes: Number(image.sizeBytes),
    memoryBytes,
  };
}

/** Whether the answer says that the job cannot have an image, rather than that nobody could be asked. */
export function isNoMatch(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return [Code.NotFound, Code.FailedPrecondition, Code.InvalidArgument, Code.PermissionDenied].includes(code);
}

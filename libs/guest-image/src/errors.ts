/** A guest image, manifest or chunk that is not what it says it is. The message says what was wrong and where. */
export class ImageFormatError extends Error {
  override readonly name = 'ImageFormatError';
}

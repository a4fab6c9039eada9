/** How images are named and referred to: "name", "name:version", a digest, or a prefix of one that is long enough to be meant. */

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const digestPattern = /^(?:sha256:)?[0-9a-f]{6,64}$/;

export type ImageRef =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'version'; readonly name: string; readonly version: number }
  | { readonly kind: 'digest'; readonly prefix: string };

/** Why a name cannot be an image's, or undefined when it can. */
export function badImageName(name: string): string | undefined {
  if (namePattern.test(name)) return undefined;
  return `${JSON.stringify(name.slice(0, 120))} cannot name an image: 1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit`;
}

/** Every reading of a reference, the likeliest first: "cafe42" may be a name or the beginning of a digest. @throws TypeError for none */
export function readImageRef(ref: string): readonly ImageRef[] {
  const readings: ImageRef[] = [];
  const versioned = /^([^:]+):([1-9][0-9]{0,8})$/.exec(ref);
  if (namePattern.test(ref)) readings.push({ kind: 'name', name: ref });
  if (versioned?.[1] !== undefined && namePattern.test(versioned[1])) {
    readings.push({ kind: 'version', name: versioned[1], version: Number(versioned[2]) });
  }
  if (digestPattern.test(ref)) readings.push({ kind: 'digest', prefix: ref.startsWith('sha256:') ? ref : `sha256:${ref}` });
  if (readings.length > 0) return readings;
  throw new TypeError(
    `${JSON.stringify(ref.slice(0, 120))} is no image reference: give "name", "name:version", or a digest ("sha256:...") of 6 digits or more`,
  );
}

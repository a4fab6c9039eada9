/**
 * Matchmaking in the manner of Condor's ClassAds (R22): both sides state requirements, and of the offers that meet them the one that ranks
 * highest wins. When none does, the answer says for the nearest offer what it lacks.
 */

export interface ImageRequirements {
  /** Empty means any; so does a missing entry below. */
  readonly os: string;
  readonly abiVersion: string;
  /** Library name to version prefix: "3.1" accepts 3.1 and 3.1.4, not 3.10. */
  readonly libraries: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageOffer {
  readonly name: string;
  readonly version: number;
  readonly os: string;
  readonly abiVersion: string;
  readonly libraries: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** The offer's own requirement: who may use it. Undefined means everyone. */
  readonly onlyFor: string | undefined;
}

export type Match<O extends ImageOffer> = { readonly ok: true; readonly offer: O } | { readonly ok: false; readonly detail: string };

/** Whether a version begins with the wanted one, at a dot. An empty wish is met by all. */
export function versionMeets(version: string, wanted: string): boolean {
  return wanted === '' || version === wanted || version.startsWith(`${wanted}.`);
}

/** What an offer lacks, in words; empty when it meets everything. */
export function unmet(requirements: ImageRequirements, offer: ImageOffer): readonly string[] {
  const { os, abiVersion, libraries, labels } = requirements;
  const lacks: string[] = [];
  if (os !== '' && os !== offer.os) lacks.push(`os ${os} (it has ${offer.os})`);
  if (!versionMeets(offer.abiVersion, abiVersion)) lacks.push(`ABI version ${abiVersion} (it has ${offer.abiVersion})`);
  for (const [library, wanted] of Object.entries(libraries)) {
    const found = offer.libraries[library];
    if (found === undefined) lacks.push(`library ${library}`);
    else if (!versionMeets(found, wanted)) lacks.push(`library ${library} ${wanted} (it has ${found})`);
  }
  for (const [label, wanted] of Object.entries(labels)) {
    if (offer.labels[label] !== wanted) lacks.push(`label ${label}=${wanted}`);
  }
  return lacks;
}

/** The newest offer that `actor` may use and that meets the requirements. */
export function matchImage<O extends ImageOffer>(requirements: ImageRequirements, offers: readonly O[], actor: string): Match<O> {
  const allowed = offers.filter(({ onlyFor }) => onlyFor === undefined || onlyFor === actor);
  if (allowed.length === 0) return { ok: false, detail: 'there is no image that you may use' };
  const judged = allowed
    .map((offer) => ({ offer, lacks: unmet(requirements, offer) }))
    .sort((a, b) => a.lacks.length - b.lacks.length || b.offer.createdAt - a.offer.createdAt || b.offer.version - a.offer.version);
  const best = judged[0];
  if (best?.lacks.length === 0) return { ok: true, offer: best.offer };
  const nearest = best === undefined ? '' : `; nearest: ${best.offer.name}:${best.offer.version}, which lacks ${best.lacks.join(', ')}`;
  return { ok: false, detail: `no image offers ${wish(requirements)}${nearest}` };
}

function wish({ os, abiVersion, libraries, labels }: ImageRequirements): string {
  const parts = [
    ...(os === '' ? [] : [`os ${os}`]),
    ...(abiVersion === '' ? [] : [`ABI version ${abiVersion}`]),
    ...Object.entries(libraries).map(([library, version]) => `library ${library} ${version}`.trimEnd()),
    ...Object.entries(labels).map(([label, value]) => `label ${label}=${value}`),
  ];
  return parts.length === 0 ? 'anything' : parts.join(' and ');
}

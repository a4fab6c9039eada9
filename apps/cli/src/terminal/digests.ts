/** "sha256:0123456789ab": enough of a digest to tell images apart, and accepted wherever a reference is wanted. */
export function shortDigest(digest: string): string {
  return digest.startsWith('sha256:') ? digest.slice(0, 'sha256:'.length + 12) : digest;
}

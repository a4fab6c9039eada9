/**
 * The manifest of a guest image: what it is, what it needs, and the digest of its content. JSON with sorted keys, UTF-8, so that equal
 * manifests have equal bytes. The image's digest is the SHA-256 of the manifest's bytes, and the manifest holds the content's.
 */
export interface ImageManifest {
  readonly kind: 'verbena.guest-image';
  readonly version: 1;
  readonly os: 'verbena-guest';
  readonly abiVersion: 1;
  readonly arch: 'wasm32';
  /** Library name to version, e.g. { mpi: '3.1', verbs: '1.0', libc: 'wasi-22' }. */
  readonly libraries: Readonly<Record<string, string>>;
  /** Memory in bytes: what the module needs at least, and what it gets when the job does not say. */
  readonly memory: { readonly minimumBytes: number; readonly defaultBytes: number };
  /** The WebAssembly module: its SHA-256 ("sha256:<hex>") and length in bytes. */
  readonly content: { readonly digest: string; readonly bytes: number };
  /**
   * Whether Asyncify ran, and over which imports the guest may unwind. `polls`: its own loops ask now and then whether it is to stop, so that it
   * can be moved while it computes; images made before there were polls do not have the field.
   */
  readonly asyncify: { readonly imports: readonly string[]; readonly polls?: boolean } | null;
  readonly labels: Readonly<Record<string, string>>;
}

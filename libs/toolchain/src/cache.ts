/**
 * Compiled things by the digest of everything that went into them. An entry appears whole (written aside, then renamed) or not at all, so
 * processes may race for it; a damaged entry counts as absent. Nothing here is needed for correctness: without a writable directory the
 * compiler works, only slower.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Entries are removed, those unused for longest first, when there are more than this many. */
const MOST_ENTRIES = 4000;

/** Larger things are made again: most of such an object is zeros. */
const MOST_BYTES = 32 * 1024 * 1024;

/** SHA-256 over parts, each with its length before it, so that no two lists of parts give the same bytes. */
export function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    hash.update(`${String(bytes.length)}:`).update(bytes);
  }
  return hash.digest('hex');
}

export class Cache {
  readonly directory: string;
  readonly #writes = { sinceCheck: 0 };

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The entry's bytes, or undefined. */
  get(key: string): Uint8Array | undefined {
    const path = join(this.directory, key);
    try {
      const file = readFileSync(path);
      const content = file.subarray(32);
      if (!createHash('sha256').update(content).digest().equals(file.subarray(0, 32))) return undefined;
      if (Date.now() - statSync(path).mtimeMs > 86_400_000) utimesSync(path, new Date(), new Date());
      return new Uint8Array(content);
    } catch {
      return undefined;
    }
  }

  has(key: string): boolean {
    return existsSync(join(this.directory, key));
  }

  set(key: string, content: Uint8Array): void {
    if (content.length > MOST_BYTES) return;
    const aside = join(this.directory, `${key}.${randomUUID()}.tmp`);
    try {
      mkdirSync(this.directory, { recursive: true });
      writeFileSync(aside, Buffer.concat([createHash('sha256').update(content).digest(), content]));
      renameSync(aside, join(this.directory, key));
      this.#prune();
    } catch {
      rmSync(aside, { force: true });
    }
  }

  #prune(): void {
    if (this.#writes.sinceCheck++ % 64 !== 0) return;
    const names = readdirSync(this.directory);
    if (names.length <= MOST_ENTRIES) return;
    const used = names.map((name) => ({ name, at: statSync(join(this.directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
    used.sort((a, b) => a.at - b.at);
    for (const { name } of used.slice(0, names.length - MOST_ENTRIES / 2))
      rmSync(join(this.directory, name), { force: true, recursive: true });
  }
}

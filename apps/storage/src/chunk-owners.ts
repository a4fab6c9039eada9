/**
 * Which tenants have brought which chunks. Chunks are kept once, whosoever's they are; a tenant that asks which ones are missing must not learn from
 * the answer what others have stored. So a tenant is told that it lacks whatever it has not brought itself, and bringing it again costs it the
 * transfer and nobody any space.
 *
 * The file is a line for each pair, "<tenant> <digest>", and only grows. It is not synced: what a crash loses is brought again.
 */
import { appendFile, readFile } from 'node:fs/promises';

const separator = ' ';

export class ChunkOwners {
  readonly #path: string;
  /** Digests in 32 bytes each, by tenant. */
  readonly #brought = new Map<string, Set<string>>();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  static async open(path: string): Promise<ChunkOwners> {
    const owners = new ChunkOwners(path);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) {
      const [tenant, digest] = line.split(separator);
      // The last line may be torn.
      if (tenant && digest?.length === 71) owners.#note(tenant, digest);
    }
    return owners;
  }

  has(tenant: string, digest: string): boolean {
    return this.#brought.get(tenant)?.has(packed(digest)) === true;
  }

  /** Notes that a tenant has brought a chunk. */
  async add(tenant: string, digest: string): Promise<void> {
    if (this.has(tenant, digest)) return;
    this.#note(tenant, digest);
    const write = this.#writing.then(() => appendFile(this.#path, `${tenant}${separator}${digest}\n`, { mode: 0o600 }));
    this.#writing = write.catch(() => undefined);
    await write;
  }

  #note(tenant: string, digest: string): void {
    const digests = this.#brought.get(tenant) ?? new Set<string>();
    this.#brought.set(tenant, digests.add(packed(digest)));
  }
}

function packed(digest: string): string {
  return Buffer.from(digest.slice('sha256:'.length), 'hex').toString('latin1');
}

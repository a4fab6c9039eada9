/** The grant table (R4): which domain lets which other one use a shared page. What was not granted, or was revoked, cannot be mapped. */

interface Grant {
  readonly from: string;
  readonly to: string;
  readonly page: SharedArrayBuffer;
}

export class GrantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GrantError';
  }
}

export class GrantTable {
  readonly #grants = new Map<number, Grant>();
  #next = 1;

  /** @returns the grant's reference */
  grant(from: string, to: string, page: SharedArrayBuffer): number {
    this.#grants.set(this.#next, { from, to, page });
    return this.#next++;
  }

  /** @throws GrantError when there is no such grant, or it is another domain's */
  map(reference: number, by: string): SharedArrayBuffer {
    const grant = this.#grants.get(reference);
    if (grant?.to !== by) throw new GrantError(`${by} has no grant ${String(reference)}: it was never given, or it is revoked`);
    return grant.page;
  }

  revoke(reference: number): void {
    this.#grants.delete(reference);
  }
}

/** Those of this process. */
export const grants = new GrantTable();

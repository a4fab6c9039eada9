/**
 * Which node has which LID (InfiniBand Architecture Specification vol. 1, section 4.1.3: unicast LIDs are 1 to 0xbfff). A LID is never given to
 * a second node, since connections to it may still be open somewhere.
 */
const lastUnicastLid = 0xbfff;

export class Lids {
  readonly #byNode = new Map<string, number>();
  readonly #taken = new Set<number>();
  /** All below are taken. */
  #first = 1;

  /** The node's LID: the one that it has, the one that it wishes if that is free, or the lowest that is. @throws Error when none is left */
  claim(nodeId: string, wish: number): number {
    const known = this.#byNode.get(nodeId);
    if (known !== undefined) return known;
    const lid = this.#free(wish) ? wish : this.#lowest();
    this.#byNode.set(nodeId, lid);
    this.#taken.add(lid);
    return lid;
  }

  #free(lid: number): boolean {
    return Number.isInteger(lid) && lid >= 1 && lid <= lastUnicastLid && !this.#taken.has(lid);
  }

  #lowest(): number {
    while (this.#taken.has(this.#first)) this.#first++;
    if (this.#first <= lastUnicastLid) return this.#first;
    throw new Error(`all ${String(lastUnicastLid)} LIDs of the subnet are taken`);
  }
}

/** Partition keys of the subnet for live jobs (IB specification, chapter 10.9): 15 bits, with the bit of full membership set. */

const fullMembership = 0x8000;
/** 0x7fff is the default partition, those from 0x7000 on are of operators, 0 is invalid. */
const keys = 0x6fff;

export class PartitionKeys {
  readonly #holders = new Map<number, string>();
  readonly #byJob = new Map<string, number>();
  #last = 0;

  /** The job's key: the one that it has, or one that no other job has. @throws Error when all are taken */
  take(jobId: string): number {
    const known = this.#byJob.get(jobId);
    if (known !== undefined) return known;
    if (this.#holders.size === keys) throw new Error(`all ${keys} partition keys of the subnet are taken by running jobs`);
    do this.#last = (this.#last % keys) + 1;
    while (this.#holders.has(this.#last));
    return this.#hold(jobId, fullMembership | this.#last);
  }

  /** The log says that the job has this key. */
  hold(jobId: string, pkey: number): void {
    if (pkey !== 0) this.#hold(jobId, pkey);
  }

  free(jobId: string): void {
    const pkey = this.#byJob.get(jobId);
    if (pkey === undefined) return;
    this.#byJob.delete(jobId);
    if (this.#holders.get(pkey & ~fullMembership) === jobId) this.#holders.delete(pkey & ~fullMembership);
  }

  /** How many are taken. */
  get size(): number {
    return this.#holders.size;
  }

  #hold(jobId: string, pkey: number): number {
    this.#byJob.set(jobId, pkey);
    this.#holders.set(pkey & ~fullMembership, jobId);
    return pkey;
  }
}

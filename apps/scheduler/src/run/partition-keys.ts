/** Partition keys of the subnet for live jobs (IB specification, chapter 10.9): 15 bits, with the bit of full membership set. */

const fullMembership = 0x8000;
/** 0x7fff is the default partition, 0 is invalid. */
const keys = 0x7ffe;

export function partitionKeys(): () => { readonly pkey: number; readonly free: () => void } {
  const taken = new Set<number>();
  let last = 0;
  return () => {
    if (taken.size === keys) throw new Error(`all ${keys} partition keys of the subnet are taken by running jobs`);
    do last = (last % keys) + 1;
    while (taken.has(last));
    const key = last;
    taken.add(key);
    return { pkey: fullMembership | key, free: () => taken.delete(key) };
  };
}

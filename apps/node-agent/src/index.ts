/** One per host: joins hypervisor, adapter, fabric and image cache. */
export {};

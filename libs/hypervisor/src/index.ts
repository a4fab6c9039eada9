/** Domains, vCPUs, hypercalls, event channels, console, virtual disk; the Hypervisor port and its embedded driver. */
export type * from './port.ts';
export * from './suspended.ts';
export { createEmbeddedHypervisor, type EmbeddedHypervisorOptions } from './embedded/driver.ts';
export type { PortBinding } from './embedded/adapter-binding.ts';
export { WorkerPool, type WorkerPoolOptions } from './embedded/worker-pool.ts';

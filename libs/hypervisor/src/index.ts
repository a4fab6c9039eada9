/** Domains, vCPUs, hypercalls, event channels, console, virtual disk; the Hypervisor port and its embedded driver. */
export type * from './port.ts';

/** For tests of a hypervisor's driver. */
export { hypervisorContract, type HypervisorUnderTest } from './contract.ts';
export { suspendContract } from './suspend-contract.ts';
export { compileGuestFile, type CompiledGuest } from './compile-guest.ts';

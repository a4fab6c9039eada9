/** The subnet: LIDs, GUIDs, partitions, and the links between adapters. */
export { createSubnet } from './subnet.ts';
export type { DomainAttachment, DomainOptions, FabricPort, PeerPort, PortCounters, PortOptions, Subnet, SubnetOptions } from './types.ts';

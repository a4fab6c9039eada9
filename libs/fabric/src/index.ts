/** The subnet: LIDs, GUIDs, partitions, and the links between adapters. */
export type { DomainAttachment, DomainOptions, FabricPort, PortCounters, PortOptions, Subnet, SubnetOptions } from './types.ts';

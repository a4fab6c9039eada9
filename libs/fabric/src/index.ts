/** The subnet: LIDs, GUIDs, partitions, and the links between adapters. */
export { createSubnet } from './subnet.ts';
export { HostQueuePair, hostRingBytes, pairAddress } from './host-queue-pair.ts';
export { formatEndpoint } from './wire/endpoint.ts';
export type {
  DomainView,
  DomainAttachment,
  DomainOptions,
  FabricEvent,
  FabricOptions,
  FabricPort,
  Membership,
  PeerPort,
  PortCounters,
  PortOptions,
  Route,
  Subnet,
  SubnetOptions,
} from './types.ts';

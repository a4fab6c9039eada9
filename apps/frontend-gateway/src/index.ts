/** Public API: identity, authorization, streams. */
export { startGateway, type Gateway, type GatewayOptions } from './gateway.ts';
export { accessOf, authorization, permits, roles, type Access, type Role, type ServiceRow } from './authorization.ts';
export { allPages, type ClusterFacts } from './cluster-service.ts';
export { userHeader } from './identity.ts';

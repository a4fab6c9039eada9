/** Public API: identity, authorization, streams. */
export { startGateway, type Gateway, type GatewayOptions } from './gateway.ts';
export { authorization, permits, ruleOf, type Access, type Resource, type Rule, type Scope, type ServiceRow } from './authorization.ts';
export { authModeFor, authModes, type AuthMode, type AuthOptions } from './bootstrap.ts';
export { allPages, type ClusterFacts } from './cluster-service.ts';
export { userHeader } from './identity.ts';
export { defaultLimits, type ConnectionLimits } from './limits.ts';
export type { Load } from './one-port.ts';
export { partsOnBus } from './parts.ts';
export type { TlsFiles } from './tls.ts';
export { hashOfSecret, newSecret } from './tokens.ts';

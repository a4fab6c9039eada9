export type { Bus, Served } from './bus.ts';
export { actorHeader, identityHeaders, identityOf, tenantHeader, type Identity } from './identity.ts';

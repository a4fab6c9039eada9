export type { Bus, Served } from './bus.ts';
export {
  callContext,
  callContextFromHeaders,
  currentTraceparent,
  formatTraceparent,
  parseTraceparent,
  traceparentHeader,
  withCallContext,
  type CallContext,
} from './call-context.ts';
export { callerName, type Caller } from './caller.ts';
export { cancelOnReturn } from './cancel-on-return.ts';
export {
  actorHeader,
  identityFromHeaders,
  identityHeaders,
  identityOf,
  rolesHeader,
  seesEverything,
  seesTenant,
  tenantHeader,
  type Identity,
} from './identity.ts';
export { createInProcessBus, type ComposedBus, type InProcessBusOptions } from './in-process.ts';
export { eventNotices, eventsAppended } from './event-notices.ts';
export { callInContext, rpcAttributes, serveInCallContext, type AnsweredCall, type ServerInterceptorOptions } from './interceptors.ts';
export { createNatsBus, type NatsBusOptions } from './nats/create-nats-bus.ts';
export { natsPermissions, type NatsPermissions } from './permissions/nats-permissions.ts';
export { natsServerConfig, newNatsSecret, type NatsServerOptions, type NatsServerUser } from './permissions/nats-server-config.ts';
export { nodeOnlyItself } from './permissions/node-only-itself.ts';
export { mayCall } from './permissions/table.ts';

/** Who may do what: tenants, their users, the tokens with which users call, and the roles in which they do. */
export { judge, seesToken, whyNotIssue, type Asker, type Judgement } from './judge.ts';
export { badTenantName, badUserName, defaultTenant, identityTenant, systemActor } from './names.ts';
export { includesRole, lesserRole, readRole, roles, type Role } from './roles.ts';
export {
  noTenant,
  tenantDecider,
  tenantStream,
  type KnownTenant,
  type TenantCommand,
  type TenantEvent,
  type TenantRefusal,
  type TenantState,
} from './tenant.ts';
export {
  noToken,
  tokenDecider,
  type KnownToken,
  type TokenCommand,
  type TokenEvent,
  type TokenFacts,
  type TokenRefusal,
  type TokenState,
} from './token.ts';
export {
  noUser,
  userDecider,
  userStream,
  type KnownUser,
  type UserCommand,
  type UserEvent,
  type UserRefusal,
  type UserState,
} from './user.ts';

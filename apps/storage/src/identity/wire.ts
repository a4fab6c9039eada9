/** Between the directory's words and the contract's. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { identityv1 } from '@verbena/contracts';
import {
  readRole,
  type Asker,
  type KnownTenant,
  type KnownToken,
  type KnownUser,
  type Role,
  type TokenFacts,
} from '@verbena/domain-identity';
import { callContext, seesEverything } from '@verbena/messaging';

const { Role: WireRole, TokenState } = identityv1;
const wireRoles: Readonly<Record<Role, identityv1.Role>> = {
  viewer: WireRole.VIEWER,
  user: WireRole.USER,
  operator: WireRole.OPERATOR,
  admin: WireRole.ADMIN,
};

export const roleOnWire = (role: Role): identityv1.Role => wireRoles[role];

/** Undefined for none. */
export const roleFromWire = (role: identityv1.Role | undefined): Role | undefined => readRole(WireRole[role ?? 0]);

/** Who asks: in the role that the gateway established, or as the cluster itself. */
export function asker(): Asker {
  const { actor, tenant, roles } = callContext();
  return { user: actor, tenant, role: seesEverything(callContext()) ? 'admin' : (readRole(roles[0]) ?? 'viewer') };
}

export function tenantOnWire({ name, description, status, createdAt }: KnownTenant): MessageInitShape<typeof identityv1.TenantSchema> {
  return { name, description, disabled: status === 'disabled', createdAt: timestampFromMs(createdAt) };
}

export function userOnWire({ tenant, name, role, status, createdAt }: KnownUser): MessageInitShape<typeof identityv1.UserSchema> {
  return { tenant, name, role: roleOnWire(role), disabled: status === 'disabled', createdAt: timestampFromMs(createdAt) };
}

export function tokenOnWire(id: string, token: KnownToken, now: number): MessageInitShape<typeof identityv1.TokenSchema> {
  const { tenant, user, role, description, createdAt, expiresAt, revokedAt, createdBy, status } = token;
  const expired = expiresAt !== undefined && expiresAt <= now;
  return {
    id,
    tenant,
    user,
    role: roleOnWire(role),
    description,
    state: status === 'revoked' ? TokenState.REVOKED : expired ? TokenState.EXPIRED : TokenState.ACTIVE,
    createdAt: timestampFromMs(createdAt),
    createdBy,
    ...(expiresAt !== undefined && { expiresAt: timestampFromMs(expiresAt) }),
    ...(revokedAt !== undefined && { revokedAt: timestampFromMs(revokedAt) }),
  };
}

/** What a token shall be, as asked for by somebody; what is left out is the asker's own. */
export function tokenWanted(request: identityv1.CreateTokenRequest, by: Asker): Omit<TokenFacts, 'secretHash' | 'role'> & { role?: Role } {
  const role = roleFromWire(request.role);
  return {
    tenant: request.tenant || by.tenant,
    user: request.user || by.user,
    description: request.description,
    createdBy: by.user,
    ...(role !== undefined && { role }),
    ...(request.expiresAt && { expiresAt: timestampDate(request.expiresAt).getTime() }),
  };
}

const codes: Readonly<Record<string, Code>> = {
  exists: Code.AlreadyExists,
  unknown: Code.NotFound,
  'invalid-name': Code.InvalidArgument,
  'bad-hash': Code.InvalidArgument,
  expired: Code.InvalidArgument,
};

/** The code of a refusal; what is no refusal of the domain was a race with another writer. */
export function refusal({ reason, detail }: { readonly reason: string; readonly detail: string }): ConnectError {
  return new ConnectError(detail, codes[reason] ?? Code.Aborted);
}

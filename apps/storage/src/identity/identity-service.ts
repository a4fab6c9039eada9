/**
 * IdentityService and CredentialService. They are served here, beside the event log, so that the gateway, which everybody can reach, holds no
 * database credentials. The gateway makes the secrets of tokens; only their hashes come here.
 */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import type { identityv1 } from '@verbena/contracts';
import { judge, seesToken, whyNotIssue, type Asker, type KnownTenant } from '@verbena/domain-identity';
import { suffix } from '@verbena/ids';
import { callContext } from '@verbena/messaging';
import { pageOf, type Clock } from '@verbena/service-kit';
import { edge } from '../errors.ts';
import type { Directory } from './directory.ts';
import { asker, refusal, roleFromWire, roleOnWire, tenantOnWire, tokenOnWire, tokenWanted, userOnWire } from './wire.ts';

export interface IdentityParts {
  readonly directory: Directory;
  readonly clock: Clock;
  random(bytes: number): Uint8Array;
}

const notFound = (what: string): ConnectError => new ConnectError(`there is no ${what}`, Code.NotFound);
const elsewhere = (): never => {
  throw new ConnectError('the gateway answers this itself', Code.Unimplemented);
};

/** Who repeats a creation under a key gets what the first one made. */
function commandOf(rpc: string, key: string): string | undefined {
  const { tenant, actor } = callContext();
  return key === '' ? undefined : `${rpc}/${tenant}/${actor}/${key}`;
}

/** A tenant that the caller may know of. */
function visibleTenant(directory: Directory, name: string, by: Asker): KnownTenant {
  const tenant = directory.tenant(name);
  if (tenant.status === 'none' || (by.role !== 'admin' && by.tenant !== name)) throw notFound(`tenant ${JSON.stringify(name)}`);
  return tenant;
}

export function identityService({ directory, clock }: IdentityParts): ServiceImpl<typeof identityv1.IdentityService> {
  const now = (): number => clock.now().getTime();
  return {
    whoAmI: elsewhere,
    createToken: elsewhere,
    createTenant: edge(async ({ name, description, idempotencyKey }: identityv1.CreateTenantRequest) => {
      const command = { type: 'CreateTenant' as const, at: now(), data: { name, description } };
      const result = await directory.executeTenant(name, command, commandOf('create-tenant', idempotencyKey));
      if (!result.ok) throw refusal(result);
      return { tenant: tenantOnWire(visibleTenant(directory, name, asker())) };
    }),
    listTenants({ pageSize, pageToken }) {
      const by = asker();
      const visible = directory.tenants().filter(({ name }) => by.role === 'admin' || name === by.tenant);
      const { items, nextPageToken } = pageOf(visible, ({ name }) => name, pageSize, pageToken);
      return { tenants: items.map(tenantOnWire), nextPageToken };
    },
    updateTenant: edge(async ({ name, disabled }: identityv1.UpdateTenantRequest) => {
      const { description, createdAt } = visibleTenant(directory, name, asker());
      // The tenant that every cluster has is in the log only when something has been said of it.
      if (createdAt === 0) await directory.executeTenant(name, { type: 'CreateTenant', at: now(), data: { name, description } });
      const result = await directory.executeTenant(name, { type: 'SetTenantDisabled', at: now(), data: { disabled } });
      if (!result.ok) throw refusal(result);
      return { tenant: tenantOnWire(visibleTenant(directory, name, asker())) };
    }),
    createUser: edge(async (request: identityv1.CreateUserRequest) => {
      const by = asker();
      const { name: tenant } = visibleTenant(directory, request.tenant || by.tenant, by);
      const data = { tenant, name: request.name, role: roleFromWire(request.role) ?? 'viewer' };
      const command = { type: 'CreateUser' as const, at: now(), data };
      const result = await directory.executeUser(tenant, request.name, command, commandOf('create-user', request.idempotencyKey));
      if (!result.ok) throw refusal(result);
      return result.state.status === 'none' ? {} : { user: userOnWire(result.state) };
    }),
    listUsers({ tenant, pageSize, pageToken }) {
      const by = asker();
      const users = directory.users(visibleTenant(directory, tenant || by.tenant, by).name);
      const { items, nextPageToken } = pageOf(users, ({ name }) => name, pageSize, pageToken);
      return { users: items.map(userOnWire), nextPageToken };
    },
    updateUser: edge(async ({ tenant, name, role, disabled }: identityv1.UpdateUserRequest) => {
      const by = asker();
      const { name: home } = visibleTenant(directory, tenant || by.tenant, by);
      const data = { role: roleFromWire(role), disabled };
      const result = await directory.executeUser(home, name, { type: 'ChangeUser', at: now(), data });
      if (!result.ok) throw refusal(result);
      return result.state.status === 'none' ? {} : { user: userOnWire(result.state) };
    }),
    listTokens({ all, pageSize, pageToken }) {
      const by = asker();
      const visible = directory
        .tokens()
        .filter((token) => (all ? seesToken(by, token) : token.tenant === by.tenant && token.user === by.user))
        .toReversed();
      const { items, nextPageToken } = pageOf(visible, ({ id }) => id, pageSize, pageToken);
      return { tokens: items.map((token) => tokenOnWire(token.id, token, now())), nextPageToken };
    },
    revokeToken: edge(async ({ id, reason }: identityv1.RevokeTokenRequest) => {
      const by = asker();
      const token = directory.token(id);
      if (token.status === 'none' || !seesToken(by, token)) throw notFound(`token ${JSON.stringify(id)}`);
      const result = await directory.executeToken(id, { type: 'RevokeToken', at: now(), data: { by: by.user, reason } });
      if (!result.ok) throw refusal(result);
      return result.state.status === 'none' ? {} : { token: tokenOnWire(id, result.state, now()) };
    }),
  };
}

export function credentialService(parts: IdentityParts): ServiceImpl<typeof identityv1.CredentialService> {
  const { directory, clock } = parts;
  return {
    authenticate: edge(async ({ secretSha256 }: identityv1.AuthenticateRequest) => {
      const { id, state } = await directory.tokenOfHash(Buffer.from(secretSha256).toString('hex'));
      const now = clock.now().getTime();
      const [user, tenant] = state.status === 'none' ? ['', ''] : [state.user, state.tenant];
      const judgement = judge(state, directory.user(tenant, user), directory.tenant(tenant), now);
      if (!judgement.ok) throw new ConnectError(judgement.detail, Code.Unauthenticated);
      return { token: tokenOnWire(id, judgement.token, now), role: roleOnWire(judgement.role) };
    }),
    issueToken: edge((request: identityv1.IssueTokenRequest) => issue(parts, request)),
  };
}

async function issue({ directory, clock, random }: IdentityParts, { secretSha256, token: asked, bootstrap }: identityv1.IssueTokenRequest) {
  if (asked === undefined) throw new ConnectError('the request says nothing of the token', Code.InvalidArgument);
  const by = asker();
  const at = clock.now().getTime();
  const wanted = tokenWanted(asked, by);
  if (bootstrap) await ensureAdmin(directory, wanted.tenant, wanted.user, at);
  const user = directory.user(visibleTenant(directory, wanted.tenant, by).name, wanted.user);
  if (user.status === 'none') throw notFound(`user ${JSON.stringify(wanted.user)} in the tenant ${wanted.tenant}: create the user first`);
  const facts = { ...wanted, role: wanted.role ?? user.role, secretHash: Buffer.from(secretSha256).toString('hex') };
  const why = whyNotIssue(by, facts);
  if (why !== undefined) throw new ConnectError(why, Code.PermissionDenied);
  const fresh = `token-${suffix(random)}`;
  const result = await directory.executeToken(
    fresh,
    { type: 'IssueToken', at, data: facts },
    commandOf('create-token', asked.idempotencyKey),
  );
  if (!result.ok) throw refusal(result);
  const id = result.recorded[0]?.stream ?? fresh;
  const token = directory.token(id);
  return token.status === 'none' ? {} : { token: tokenOnWire(id, token, at), repeated: token.secretHash !== facts.secretHash };
}

/** Whoever has the file system of the gateway may always come in, whatever has become of the users. */
async function ensureAdmin(directory: Directory, tenant: string, name: string, at: number): Promise<void> {
  if (directory.tenant(tenant).status === 'none')
    await directory.executeTenant(tenant, { type: 'CreateTenant', at, data: { name: tenant, description: '' } });
  if (directory.user(tenant, name).status === 'none')
    await directory.executeUser(tenant, name, { type: 'CreateUser', at, data: { tenant, name, role: 'admin' } });
  else await directory.executeUser(tenant, name, { type: 'ChangeUser', at, data: { role: 'admin', disabled: false } });
}

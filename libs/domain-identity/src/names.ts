/** How tenants and users are named. */

const tenantPattern = /^[a-z0-9][a-z0-9-]{0,59}$/;
const userPattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** Who belongs to no tenant in particular. */
export const defaultTenant = 'default';
/** Events about identity belong to this tenant, which nobody can be in: only admins see them. */
export const identityTenant = 'cluster';
/** The name under which services act on their own account. */
export const systemActor = 'system';

/** Why a name cannot be a tenant's, or undefined when it can. */
export function badTenantName(name: string): string | undefined {
  if (name === identityTenant) return `the tenant name "${name}" is the cluster's own: choose another`;
  if (tenantPattern.test(name)) return undefined;
  return `${JSON.stringify(name.slice(0, 80))} cannot name a tenant: 1 to 60 lower-case letters, digits and hyphens, the first no hyphen`;
}

/** Why a name cannot be a user's, or undefined when it can. */
export function badUserName(name: string): string | undefined {
  if (name === systemActor) return `the user name "${name}" is the cluster's own: choose another`;
  if (userPattern.test(name)) return undefined;
  return `${JSON.stringify(name.slice(0, 80))} cannot name a user: 1 to 64 letters, digits, ".", "_", "@" and "-", the first a letter or digit`;
}

/** What somebody may do. Each role includes those before it. */

export const roles = ['viewer', 'user', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Whether a role includes another. */
export function includesRole(has: Role, needs: Role): boolean {
  return roles.indexOf(has) >= roles.indexOf(needs);
}

/** The one that may less: a token never may more than its user. */
export function lesserRole(a: Role, b: Role): Role {
  return includesRole(a, b) ? b : a;
}

/** A role by name in any case, or undefined when it is none. */
export function readRole(name: string | undefined): Role | undefined {
  return roles.find((role) => role === name?.toLowerCase());
}

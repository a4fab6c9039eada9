/** Whether a token is good for a call at this moment, and in which role; and who may make tokens for whom. */
import { includesRole, lesserRole, type Role } from './roles.ts';
import type { TenantState } from './tenant.ts';
import type { KnownToken, TokenState } from './token.ts';
import type { UserState } from './user.ts';

export type Judgement =
  | { readonly ok: true; readonly token: KnownToken; readonly role: Role }
  | {
      readonly ok: false;
      readonly reason: 'unknown' | 'revoked' | 'expired' | 'user-disabled' | 'tenant-disabled';
      readonly detail: string;
    };

const no = (reason: Exclude<Judgement, { ok: true }>['reason'], detail: string): Judgement => ({ ok: false, reason, detail });

/** @param now milliseconds since 1970 */
export function judge(token: TokenState, user: UserState, tenant: TenantState, now: number): Judgement {
  if (token.status === 'none') return no('unknown', 'the token is not known');
  if (token.status === 'revoked') return no('revoked', 'the token has been revoked');
  if (token.expiresAt !== undefined && token.expiresAt <= now)
    return no('expired', `the token expired at ${new Date(token.expiresAt).toISOString()}`);
  if (user.status !== 'enabled') return no('user-disabled', `the token's user ${token.user} is shut out`);
  if (tenant.status !== 'enabled') return no('tenant-disabled', `the token's tenant ${token.tenant} is shut out`);
  return { ok: true, token, role: lesserRole(token.role, user.role) };
}

/** Who asks, in which role. */
export interface Asker {
  readonly tenant: string;
  readonly user: string;
  readonly role: Role;
}

/** Why somebody may not make a token for a user with a role, or undefined when it may: for oneself, and with no more than one may oneself. */
export function whyNotIssue(asker: Asker, wanted: { tenant: string; user: string; role: Role }): string | undefined {
  if (asker.role === 'admin') return undefined;
  if (asker.tenant !== wanted.tenant || asker.user !== wanted.user) return 'only admins make tokens for others';
  if (!includesRole(asker.role, wanted.role)) return `a token cannot have the role "${wanted.role}": its maker has "${asker.role}"`;
  return undefined;
}

/** Whether somebody knows of a token at all. */
export function seesToken(asker: Asker, token: KnownToken): boolean {
  return asker.role === 'admin' || (asker.tenant === token.tenant && asker.user === token.user);
}

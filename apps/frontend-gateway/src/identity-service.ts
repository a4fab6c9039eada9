/** What of IdentityService the gateway answers itself: who the caller is, and new tokens, whose secrets leave it only towards the caller. */
import type { ServiceImpl } from '@connectrpc/connect';
import { identityv1 } from '@verbena/contracts';
import { callerOf } from './identity.ts';
import { onBehalf, outward, persistently, withKey, type Forwarding } from './forwarder.ts';
import { hashOfSecret, newSecret } from './tokens.ts';

type Own = Pick<ServiceImpl<typeof identityv1.IdentityService>, 'whoAmI' | 'createToken'>;

export function identityService({ bus, clock, random }: Forwarding): Own {
  const credentials = bus.client(identityv1.CredentialService);
  return {
    whoAmI(_request, context) {
      const { actor, tenant, role, token } = callerOf(context);
      const wire = identityv1.Role[role.toUpperCase() as keyof typeof identityv1.Role];
      return { user: actor, tenant, role: wire, ...(token && { token }) };
    },
    async createToken(request, context) {
      const secret = newSecret(random);
      const secretSha256 = hashOfSecret(secret);
      const token = withKey(identityv1.IdentityService.method.createToken, request, random);
      try {
        const issue = () => credentials.issueToken({ secretSha256, token }, onBehalf(context));
        const issued = await persistently(clock, context.signal, issue);
        return { ...(issued.token && { token: issued.token }), secret: issued.repeated ? '' : secret };
      } catch (error) {
        throw outward(error);
      }
    },
  };
}

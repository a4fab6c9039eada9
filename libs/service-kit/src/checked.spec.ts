import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { identityv1, jobv1, loadRequestCheck, rpcerrors } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { checked } from './checked.ts';

describe('a service behind the check of its contract', () => {
  const seen: string[] = [];
  const transport = createRouterTransport((router) => {
    const check = loadRequestCheck();
    router.service(
      identityv1.CredentialService,
      checked(identityv1.CredentialService, { authenticate: () => (seen.push('authenticate'), {}) }, check),
    );
    const watchJob = async function* ({ id }: jobv1.WatchJobRequest) {
      seen.push(id);
      yield {};
    };
    router.service(jobv1.JobService, checked(jobv1.JobService, { watchJob }, check));
  });
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );

  it('sees what is as the contract says', async () => {
    await createClient(identityv1.CredentialService, transport).authenticate({ secretSha256: new Uint8Array(32) });
    for await (const message of createClient(jobv1.JobService, transport).watchJob({ id: 'job-1' })) void message;
    expect(seen).toEqual(['authenticate', 'job-1']);
  });

  it('does not see anything else, and the caller is told of every field', async () => {
    const error = await failure(createClient(identityv1.CredentialService, transport).authenticate({ secretSha256: new Uint8Array(31) }));
    expect(error).toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: expect.stringContaining('Authenticate: secret_sha256: ') as string,
    });
    const [detail] = error?.findDetails(rpcerrors.BadRequestSchema) ?? [];
    expect(detail?.fieldViolations).toMatchObject([{ field: 'secret_sha256', reason: 'bytes.len' }]);
    const stream = async () => {
      for await (const message of createClient(jobv1.JobService, transport).watchJob({ id: '' })) void message;
    };
    expect(await failure(stream())).toMatchObject({ code: Code.InvalidArgument });
    expect(seen).toHaveLength(2);
  });
});

import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { connect, nkeyAuthenticator, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { eventv1, identityv1, imagev1, jobv1, migrationv1, nodev1, storagev1, vmv1 } from '@verbena/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../bus.ts';
import { callContext } from '../call-context.ts';
import { callerName, type Caller } from '../caller.ts';
import { createInProcessBus } from '../in-process.ts';
import { encodeFrame } from '../nats/frame.ts';
import { callerTokens, serviceSubjects } from '../nats/layout.ts';
import { createNatsBus } from '../nats/create-nats-bus.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { natsPermissions } from './nats-permissions.ts';
import { natsPublicKey, natsServerConfig, newNatsSecret } from './nats-server-config.ts';
import { nodeOnlyItself } from './node-only-itself.ts';
import { mayCall, parts } from './table.ts';

const services: readonly DescService[] = [
  eventv1.EventService,
  identityv1.CredentialService,
  identityv1.IdentityService,
  imagev1.ImageService,
  jobv1.JobService,
  migrationv1.MigrationAgentService,
  migrationv1.CheckpointService,
  migrationv1.CheckpointAgentService,
  migrationv1.MigrationService,
  migrationv1.MoveService,
  nodev1.NodeAgentService,
  nodev1.NodeService,
  storagev1.ChunkService,
  storagev1.OutputService,
  storagev1.SnapshotService,
  vmv1.VmService,
];
const node = (instance: string): Caller => ({ service: 'node-agent', instance });
const names = Object.keys(parts).filter((name) => name !== 'node-agent');
const callers: readonly Caller[] = [...names.map((service) => ({ service })), node('node-0'), node('node-1')];
const secrets = new Map<string, string>();
for (const caller of callers) secrets.set(callerName(caller), await newNatsSecret());
const secretOf = (caller: Caller): string => secrets.get(callerName(caller)) ?? '';

let server: TestNatsServer;
beforeAll(async () => {
  const users = callers.map((caller) => ({ caller, secret: secretOf(caller) }));
  // The helper chooses the port; what it writes first counts as long as nothing says otherwise.
  server = await startNatsServer((await natsServerConfig({ users, listen: 'unused' })).replace(/^listen: .*$/m, ''));
});
afterAll(() => server.stop());

const busOf = (caller: Caller): Promise<Bus> =>
  createNatsBus({ servers: server.url, caller, password: secretOf(caller), drain: { streamMs: 10 } });

/** A client that does what it likes, with the credentials of a caller, and notes what the server refuses. */
async function rogue(caller: Caller): Promise<{ nc: NatsConnection; refused: () => Promise<Set<string>> }> {
  const nc = await connect({ servers: server.url, authenticator: nkeyAuthenticator(new TextEncoder().encode(secretOf(caller))) });
  const subjects = new Set<string>();
  void (async () => {
    for await (const status of nc.status())
      if (status.type === 'error' && status.error instanceof PermissionViolationError) subjects.add(status.error.subject);
  })();
  const refused = async (): Promise<Set<string>> => {
    await nc.flush();
    await new Promise(setImmediate);
    return subjects;
  };
  return { nc, refused };
}

const failure = (call: Promise<unknown>): Promise<ConnectError> => call.then(() => expect.unreachable('it succeeded'), ConnectError.from);
const only = <S extends DescService>(implementation: Partial<ServiceImpl<S>>): ServiceImpl<S> => implementation as ServiceImpl<S>;

describe('the table of who may call what', () => {
  it('has every service of the contracts that is served on the bus', () => {
    const served = Object.values(parts).flatMap(({ serves }) => serves.map(({ typeName }) => typeName));
    expect(served.toSorted()).toEqual(services.map(({ typeName }) => typeName).toSorted());
  });

  it('says so in words, where it matters most', () => {
    const may = (caller: Caller, service: DescService, method: string): boolean => mayCall(caller, service.method[method]!);
    expect(may({ service: 'scheduler' }, nodev1.NodeAgentService, 'bootVm')).toBe(true);
    expect(may(node('node-0'), nodev1.NodeAgentService, 'bootVm')).toBe(false);
    expect(may(node('node-0'), nodev1.NodeAgentService, 'receiveChunk')).toBe(true);
    expect(may(node('node-0'), identityv1.CredentialService, 'authenticate')).toBe(false);
    expect(may(node('node-0'), jobv1.JobService, 'submitJob')).toBe(false);
    expect(may({ service: 'frontend-gateway' }, eventv1.EventService, 'appendEvents')).toBe(false);
    expect(may({ service: 'frontend-gateway' }, nodev1.NodeService, 'registerNode')).toBe(false);
    expect(may({ service: 'stranger' }, jobv1.JobService, 'getJob')).toBe(false);
    expect(may({ service: 'toString' }, jobv1.JobService, 'getJob')).toBe(false);
  });

  it('gives no permissions to what is not in it', async () => {
    expect(() => natsPermissions({ service: 'stranger' })).toThrow('no service "stranger"');
    expect(() => natsPermissions({ service: 'node-agent' })).toThrow('needs instances');
    expect(() => natsPermissions({ service: 'scheduler', instance: '1' })).toThrow('has no instances');
    await expect(natsPublicKey('a password')).rejects.toThrow('no secret of a NATS user');
    const secret = await newNatsSecret();
    const mistyped = secret.slice(0, 20) + (secret[20] === 'A' ? 'B' : 'A') + secret.slice(21);
    await expect(natsPublicKey(mistyped)).rejects.toThrow('no secret of a NATS user');
  });

  it('keeps secrets out of the configuration', async () => {
    const config = await natsServerConfig({
      users: callers.map((caller) => ({ caller, secret: secretOf(caller) })),
      listen: '127.0.0.1:4222',
    });
    for (const secret of secrets.values()) expect(config).not.toContain(secret);
  });

  it('holds within one process, too', async () => {
    const bus = createInProcessBus();
    await bus.serve(nodev1.NodeAgentService, only({ bootVm: () => ({}) }), 'node-1');
    const bootVm = (caller: Caller) => bus.as({ caller }).client(nodev1.NodeAgentService, 'node-1').bootVm({});
    await bootVm({ service: 'scheduler' });
    expect(await failure(bootVm(node('node-0')))).toMatchObject({
      code: Code.PermissionDenied,
      rawMessage: expect.stringContaining('node-agent node-0'),
    });
    await bus.close();
  });
});

describe('the NATS server holds every user to the table', () => {
  for (const caller of callers)
    it(`lets ${callerName(caller)} call what is its own to call, under its own name, and nothing else`, async () => {
      const { nc, refused } = await rogue(caller);
      const expected = new Set<string>();
      for (const as of callers)
        for (const service of services)
          for (const method of service.methods) {
            const address = service.typeName === nodev1.NodeAgentService.typeName ? 'node-1' : undefined;
            const subject = serviceSubjects('verbena', service.typeName, address).call(method.name, callerTokens(as));
            nc.publish(subject, encodeFrame({ kind: 'request' }));
            if (as !== caller || !mayCall(caller, method)) expected.add(subject);
          }
      expect(await refused()).toEqual(expected);
      await nc.close();
    });

  for (const caller of callers)
    it(`lets ${callerName(caller)} hear and answer what it serves, and nothing else`, async () => {
      const { nc, refused } = await rogue(caller);
      const expected = new Set<string>();
      const isOwn = (service: DescService, address: string | undefined): boolean =>
        address === caller.instance &&
        parts[caller.service as keyof typeof parts].serves.some((own: DescService) => own.typeName === service.typeName);
      for (const service of services)
        for (const address of [undefined, 'node-0', 'node-1']) {
          const { calls, answers, control } = serviceSubjects('verbena', service.typeName, address);
          const own = isOwn(service, address);
          for (const subject of [calls, `${control('*')}*.*.*.*`]) {
            nc.subscribe(subject, { callback: () => undefined });
            if (!own) expected.add(subject);
          }
          const answer = `${answers}scheduler.=.connection.1`;
          nc.publish(answer);
          if (!own) expected.add(answer);
        }
      for (const other of callers) {
        const inbox = `verbena.re.*.*.${callerTokens(other)}.*.*`;
        nc.subscribe(inbox, { callback: () => undefined });
        if (other !== caller) expected.add(inbox);
      }
      for (const subject of ['>', 'verbena.>', 'verbena.re.>', '_INBOX.>', '$SYS.>', 'verbena.note.>']) {
        nc.subscribe(subject, { callback: () => undefined });
        expected.add(subject);
      }
      for (const subject of ['anything', '$SYS.REQ.SERVER.PING', 'verbena.note.job.changed']) {
        nc.publish(subject);
        expected.add(subject);
      }
      expect(await refused()).toEqual(expected);
      await nc.close();
    });

  it('lets in nobody whom it does not know', async () => {
    const stranger = { servers: server.url, caller: { service: 'scheduler' } };
    await expect(createNatsBus(stranger)).rejects.toThrow(/no connection to NATS at .*Authorization/i);
    await expect(createNatsBus({ ...stranger, password: await newNatsSecret() })).rejects.toThrow(/Authorization/i);
    await expect(createNatsBus({ ...stranger, user: 'scheduler', password: 'guess' })).rejects.toThrow(/as scheduler: .*Authorization/i);
  });
});

describe('the bus with credentials', () => {
  it('carries calls between services, each told who called', async () => {
    const [scheduler, agent] = await Promise.all([busOf({ service: 'scheduler' }), busOf(node('node-0'))]);
    const seen: unknown[] = [];
    await agent.serve(nodev1.NodeAgentService, only({ bootVm: () => (seen.push(callContext().caller), {}) }), 'node-0');
    await scheduler.serve(
      nodev1.NodeService,
      only({
        heartbeat: ({ nodeId }) => {
          seen.push(callContext().caller);
          nodeOnlyItself(nodeId);
          return {};
        },
      }),
    );
    await scheduler.client(nodev1.NodeAgentService, 'node-0').bootVm({});
    await agent.client(nodev1.NodeService).heartbeat({ nodeId: 'node-0' });
    const other = await failure(agent.client(nodev1.NodeService).heartbeat({ nodeId: 'node-1' }));
    expect(other).toMatchObject({ code: Code.PermissionDenied, rawMessage: 'node node-0 may not speak for node node-1' });
    expect(seen).toEqual([{ service: 'scheduler' }, node('node-0'), node('node-0')]);
    await Promise.all([scheduler.close(), agent.close()]);
  });

  it('says so when the server refuses a call, or to let somebody serve', async () => {
    const agent = await busOf(node('node-0'));
    const denied = await failure(agent.client(jobv1.JobService).submitJob({}));
    expect(denied.code).toBe(Code.PermissionDenied);
    await expect(agent.serve(nodev1.NodeAgentService, only({}), 'node-1')).rejects.toThrow('does not let us serve');
    await expect(agent.serve(jobv1.JobService, only({}))).rejects.toThrow('does not let us serve');
    await agent.serve(nodev1.NodeAgentService, only({}), 'node-0');
    await agent.close();
  });

  it('takes no answer from anybody but the service that was called', async () => {
    const [scheduler, honest] = await Promise.all([busOf({ service: 'scheduler' }), busOf(node('node-0'))]);
    const called = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await honest.serve(
      nodev1.NodeAgentService,
      only({
        bootVm: async () => {
          called.resolve();
          await finish.promise;
          return {};
        },
      }),
      'node-0',
    );
    const { nc, refused } = await rogue(node('node-1'));
    const call = scheduler.client(nodev1.NodeAgentService, 'node-0').bootVm({});
    await called.promise;
    const forged = encodeFrame({ kind: 'reset', status: Code.Internal, body: new TextEncoder().encode('forged') });
    // It may answer as itself only, and calls that were made to others wait on their subjects.
    for (const call of ['1', '2', '3']) nc.publish(`verbena.re.verbena-node-v1-NodeAgentService.node-0.scheduler.=.guess.${call}`, forged);
    expect((await refused()).size).toBe(3);
    finish.resolve();
    await call;
    await nc.close();
    await Promise.all([scheduler.close(), honest.close()]);
  });
});

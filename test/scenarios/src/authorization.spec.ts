/** Every RPC of every contract, called by everybody who may not: what the gateway's table says is what happens. */
import { toJsonString, type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { roles, type Role } from '@verbena/domain-identity';
import { authorization, type Rule } from '@verbena/frontend-gateway';
import { jobv1, imagev1, storagev1 } from '@verbena/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { twoTenants, type TwoTenants } from './tenants.ts';

interface Row {
  readonly name: string;
  readonly service: DescService;
  readonly method: DescMethod;
  readonly rule: Rule;
}

const rows: readonly Row[] = authorization.flatMap(({ service, rules }) =>
  service.methods.flatMap((method) => {
    const rule = rules[method.localName];
    return rule ? [{ name: `${service.typeName}/${method.name}`, service, method, rule }] : [];
  }),
);
const guarded = rows.filter(({ rule }) => rule.needs !== 'anyone');
const needing = (...needs: string[]) => rows.filter(({ rule }) => needs.includes(rule.needs));
const isRole = (needs: string): needs is Role => roles.some((role) => role === needs);

let world: TwoTenants;
beforeAll(async () => {
  world = await twoTenants();
});
afterAll(() => world.stop());

type Call = (request: unknown, options?: object) => unknown;

/** The answer as JSON, of a stream its first message, or the error. */
async function outcome({ service, method }: Row, secret: string | undefined, request: object = {}): Promise<string | ConnectError> {
  const call = (world.client(service, secret) as unknown as Record<string, Call>)[method.localName] as Call;
  const text = (message: Message): string => toJsonString(method.output, message);
  try {
    if (method.methodKind === 'unary') return text((await call(request)) as Message);
    // Reflection is the only one that takes a stream.
    const asked = method.methodKind === 'server_streaming' ? request : [];
    for await (const message of call(asked, { timeoutMs: 10_000 }) as AsyncIterable<Message>) return text(message);
    return 'nothing';
  } catch (error) {
    return ConnectError.from(error);
  }
}

async function code(row: Row, secret: string | undefined, request?: object): Promise<string> {
  const result = await outcome(row, secret, request);
  return result instanceof ConnectError ? (Code[result.code] ?? '') : 'OK';
}

/** A request that names what physics has. */
function aboutPhysics({ rule: { scope } }: Row): object {
  return scope.kind === 'one'
    ? { [scope.field]: world.physics[scope.resource], rank: 0, path: 'lattice.dat', share: { weight: 1 }, member: { partition: 0x7001 } }
    : {};
}

it('leaves no RPC out', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(new Set(rows.map(({ rule }) => rule.scope.kind))).toEqual(new Set(['cluster', 'caller', 'list', 'one']));
});

describe.each(guarded.map((row) => [row.name, row] as const))('%s', (_name, row) => {
  it('refuses who shows no token, an expired, a revoked or a forged one', async () => {
    const secrets = [undefined, world.expired, world.revoked, world.forged, 'vbn_nonsense'];
    expect(await Promise.all(secrets.map((secret) => code(row, secret, aboutPhysics(row))))).toEqual(secrets.map(() => 'Unauthenticated'));
  });
});

describe.each(needing('internal').map((row) => [row.name, row] as const))('%s', (_name, row) => {
  it('is for services only, whoever asks', async () => {
    expect(await code(row, world.secret('physics', 'admin'))).toBe('PermissionDenied');
  });
});

describe.each(needing('user', 'operator', 'admin').map((row) => [row.name, row] as const))('%s', (_name, row) => {
  it('refuses the role below the one that it needs', async () => {
    const needs = row.rule.needs;
    const below = isRole(needs) ? roles[roles.indexOf(needs) - 1] : undefined;
    expect(await code(row, world.secret('physics', below ?? 'viewer'), aboutPhysics(row))).toBe('PermissionDenied');
  });
});

describe.each(guarded.filter(({ rule }) => isRole(rule.needs)).map((row) => [row.name, row] as const))('%s', (_name, row) => {
  it('lets the role in that it needs, and tells it nothing of another tenant', async () => {
    const needs = isRole(row.rule.needs) ? row.rule.needs : 'admin';
    const result = await outcome(row, world.secret('chemistry', needs), aboutPhysics(row));
    if (result instanceof ConnectError) expect([Code.Unauthenticated, Code.PermissionDenied]).not.toContain(result.code);
    if (row.rule.scope.kind === 'one') expect(result).toMatchObject({ code: Code.NotFound });
    if (row.rule.scope.kind === 'list') expect(result).toBeTypeOf('string');
    // An admin looks after all tenants.
    if (needs !== 'admin')
      for (const name of Object.values(world.physics)) if (typeof result === 'string') expect(result).not.toContain(name);
  });
});

describe('what physics has', () => {
  const seen: Readonly<Record<string, keyof TwoTenants['physics'] | undefined>> = {
    'verbena.job.v1.JobService/ListJobs': 'job',
    'verbena.vm.v1.VmService/ListVms': 'vm',
    'verbena.image.v1.ImageService/ListImages': 'image',
    'verbena.event.v1.EventService/ListEvents': 'job',
    'verbena.event.v1.EventService/FollowEvents': 'job',
    'verbena.event.v1.EventService/ListEntities': 'job',
    'verbena.event.v1.EventService/GetStateAt': 'job',
    'verbena.migration.v1.MigrationService/ListMigrations': 'migration',
    'verbena.migration.v1.CheckpointService/ListCheckpoints': 'checkpoint',
    'verbena.identity.v1.IdentityService/ListTokens': 'token',
    'verbena.identity.v1.IdentityService/ListTenants': undefined,
    'verbena.identity.v1.IdentityService/ListUsers': undefined,
  };

  it('is in every list for physics itself, so that its absence for others says something', async () => {
    const lists = rows.filter(({ rule }) => rule.scope.kind === 'list');
    expect(lists.map(({ name }) => name).sort()).toEqual(Object.keys(seen).sort());
    for (const row of lists) {
      const kind = seen[row.name];
      expect(await outcome(row, world.secret('physics', 'user')), row.name).toContain(kind ? world.physics[kind] : 'physics');
    }
  });

  it('is found one by one by physics itself, except what it must not do', async () => {
    const ones = rows.filter(
      ({ rule, method }) =>
        rule.scope.kind === 'one' &&
        ![
          ...['RevokeToken', 'CancelJob', 'MigrateVm', 'CancelMigration', 'CheckpointJob', 'RemoveCheckpoint'],
          ...['SetAdapterShare', 'PlugFunction', 'SetPartition'],
        ].includes(method.name),
    );
    for (const row of ones) expect(await code(row, world.secret('physics', 'user'), aboutPhysics(row)), row.name).toBe('OK');
  });

  it('is seen by an admin of another tenant', async () => {
    const admin = world.client(jobv1.JobService, world.secret('chemistry', 'admin'));
    expect((await admin.getJob({ id: world.physics.job })).job?.id).toBe(world.physics.job);
  });

  it('cannot be reached by the name of another tenant’s image', async () => {
    const [first] = (await world.client(imagev1.ImageService, world.secret('physics', 'user')).listImages({})).images;
    const chemist = world.client(jobv1.JobService, world.secret('chemistry', 'user'));
    for (const image of ['lattice', 'lattice:1', first?.digest ?? ''])
      await expect(chemist.submitJob({ spec: { name: 'x', image, processes: 1 } })).rejects.toMatchObject({ code: Code.NotFound });
  });

  it('does not collide with what another tenant calls by the same name', async () => {
    const physicist = world.client(imagev1.ImageService, world.secret('physics', 'user'));
    const chemist = world.client(imagev1.ImageService, world.secret('chemistry', 'user'));
    const mine = (await physicist.getImage({ ref: 'lattice' })).image;
    const { image } = await chemist.registerImage({
      name: 'lattice',
      manifest: mine?.manifest ?? new Uint8Array(),
      chunks: mine?.chunks ?? [],
      labels: { of: 'chemistry' },
      public: true,
    });
    expect(image?.version).toBe(1);
    expect((await physicist.getImage({ ref: 'lattice' })).image?.labels).toEqual({});
    expect((await chemist.getImage({ ref: 'lattice' })).image?.labels).toEqual({ of: 'chemistry' });
  });

  it('keeps its files when another tenant asks for all there are', async () => {
    const chemist = world.client(storagev1.OutputService, world.secret('chemistry', 'operator'));
    await expect(chemist.listFiles({ jobId: world.physics.job })).rejects.toMatchObject({ code: Code.NotFound });
    const physicist = world.client(storagev1.OutputService, world.secret('physics', 'viewer'));
    expect((await physicist.listFiles({ jobId: world.physics.job })).files.map(({ path }) => path)).toEqual(['lattice.dat']);
  });
});

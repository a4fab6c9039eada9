/** verbena tenant and user: those who share the cluster, and their people. */
import { create } from '@bufbuild/protobuf';
import { identityv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { collect } from '../pages.ts';
import { age } from '../terminal/times.ts';
import { identity, parseRole, roleName } from './tokens.ts';

async function tellTenant(context: CommandContext, tenant: identityv1.Tenant | undefined): Promise<void> {
  if (!tenant) return;
  if (context.json) return context.printJson(identityv1.TenantSchema, tenant);
  await context.line(`${tenant.name} is ${tenant.disabled ? 'shut out' : 'enabled'}`);
}

async function tellUser(context: CommandContext, user: identityv1.User | undefined): Promise<void> {
  if (!user) return;
  if (context.json) return context.printJson(identityv1.UserSchema, user);
  await context.line(`${user.tenant}/${user.name} is ${user.disabled ? 'shut out' : roleName(user.role)}`);
}

async function listTenants(context: CommandContext): Promise<void> {
  const client = await identity(context);
  const tenants = await collect(async (page) => {
    const answer = await client.listTenants(page);
    return { items: answer.tenants, next: answer.nextPageToken };
  });
  const now = new Date();
  await context.printList({
    desc: identityv1.ListTenantsResponseSchema,
    message: create(identityv1.ListTenantsResponseSchema, { tenants }),
    rows: tenants,
    columns: [
      { title: 'TENANT', value: ({ name }) => name },
      { title: 'STATE', value: ({ disabled }) => (disabled ? 'shut out' : 'enabled') },
      { title: 'AGE', value: ({ createdAt }) => (createdAt?.seconds ? age(createdAt, now) : '-'), align: 'right' },
      { title: 'DESCRIPTION', value: ({ description }) => description, least: 8 },
    ],
    empty: 'No tenants.',
  });
}

async function listUsers(context: CommandContext, tenant: string): Promise<void> {
  const client = await identity(context);
  const users = await collect(async (page) => {
    const answer = await client.listUsers({ ...page, tenant });
    return { items: answer.users, next: answer.nextPageToken };
  });
  const now = new Date();
  await context.printList({
    desc: identityv1.ListUsersResponseSchema,
    message: create(identityv1.ListUsersResponseSchema, { users }),
    rows: users,
    columns: [
      { title: 'USER', value: (user) => `${user.tenant}/${user.name}` },
      { title: 'ROLE', value: ({ role }) => roleName(role) },
      { title: 'STATE', value: ({ disabled }) => (disabled ? 'shut out' : 'enabled') },
      { title: 'AGE', value: ({ createdAt }) => age(createdAt, now), align: 'right' },
    ],
    empty: 'No users.',
  });
}

function registerTenant({ program, action }: Registry): void {
  const tenant = example(
    program.command('tenant').description('those who share the cluster; each sees only what is its own'),
    'verbena tenant list',
  );
  example(
    tenant
      .command('create')
      .description('make a tenant (for admins)')
      .argument('<name>', 'lower-case letters, digits and hyphens')
      .option('--description <text>', 'who they are', '')
      .action(
        action(async (context, [name = ''], { description }: { description: string }) =>
          tellTenant(context, (await (await identity(context)).createTenant({ name, description })).tenant),
        ),
      ),
    'verbena tenant create physics',
  );
  example(
    tenant
      .command('list')
      .description('list tenants: for admins all, for others their own')
      .action(action((context) => listTenants(context))),
    'verbena tenant list',
  );
  for (const [verb, disabled, what] of [
    ['disable', true, 'shut a tenant out: its tokens stop working (for admins)'],
    ['enable', false, 'let a tenant in again (for admins)'],
  ] as const)
    example(
      tenant
        .command(verb)
        .description(what)
        .argument('<name>', 'tenant')
        .action(
          action(async (context, [name = '']) =>
            tellTenant(context, (await (await identity(context)).updateTenant({ name, disabled })).tenant),
          ),
        ),
      `verbena tenant ${verb} physics`,
    );
}

interface UserOptions {
  readonly tenant: string;
  readonly role?: string;
}

function registerUser({ program, action }: Registry): void {
  const user = example(
    program.command('user').description('the people of a tenant'),
    'verbena user create ada --tenant physics --role user',
  );
  example(
    user
      .command('create')
      .description('make a user (for admins); "verbena token create --user" gives it a token')
      .argument('<name>', 'name')
      .option('--role <role>', 'viewer, user, operator or admin', 'user')
      .option('--tenant <name>', 'the tenant; your own otherwise', '')
      .action(
        action(async (context, [name = ''], { tenant, role = 'user' }: UserOptions) =>
          tellUser(context, (await (await identity(context)).createUser({ name, tenant, role: parseRole(role) })).user),
        ),
      ),
    'verbena user create ada --tenant physics --role user',
  );
  example(
    user
      .command('list')
      .description('list the users of a tenant')
      .option('--tenant <name>', 'the tenant; your own otherwise', '')
      .action(action((context, _args, { tenant }: UserOptions) => listUsers(context, tenant))),
    'verbena user list --tenant physics',
  );
  example(
    user
      .command('role')
      .description('give a user another role (for admins)')
      .argument('<name>', 'name')
      .argument('<role>', 'viewer, user, operator or admin')
      .option('--tenant <name>', 'the tenant; your own otherwise', '')
      .action(
        action(async (context, [name = '', role = ''], { tenant }: UserOptions) =>
          tellUser(context, (await (await identity(context)).updateUser({ name, tenant, role: parseRole(role) })).user),
        ),
      ),
    'verbena user role ada operator --tenant physics',
  );
  for (const [verb, disabled, what] of [
    ['disable', true, 'shut a user out: its tokens stop working (for admins)'],
    ['enable', false, 'let a user in again (for admins)'],
  ] as const)
    example(
      user
        .command(verb)
        .description(what)
        .argument('<name>', 'name')
        .option('--tenant <name>', 'the tenant; your own otherwise', '')
        .action(
          action(async (context, [name = ''], { tenant }: UserOptions) =>
            tellUser(context, (await (await identity(context)).updateUser({ name, tenant, disabled })).user),
          ),
        ),
      `verbena user ${verb} ada`,
    );
}

export function registerTenants(registry: Registry): void {
  registerTenant(registry);
  registerUser(registry);
}

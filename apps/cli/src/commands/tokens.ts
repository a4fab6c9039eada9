/** verbena whoami, token create, list, revoke, bootstrap: who one is to the cluster, and the tokens that say so. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { identityv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { CliError, usageError } from '../errors.ts';
import { collect } from '../pages.ts';
import { enumName } from '../terminal/json.ts';
import { factLines, type Column } from '../terminal/table.ts';
import { age, localTime } from '../terminal/times.ts';
import { parseSeconds } from '../terminal/units.ts';

export const roleName = (role: identityv1.Role): string => enumName(identityv1.RoleSchema, role);

/** A role by name, for an option. */
export function parseRole(name: string): identityv1.Role {
  const known = identityv1.RoleSchema.values.filter(({ number }) => number !== 0);
  const found = known.find(({ number }) => roleName(number) === name.toLowerCase());
  if (!found) throw usageError(`"${name}" is no role; there are ${known.map(({ number }) => roleName(number)).join(', ')}`);
  return found.number;
}

export const identity = async (context: CommandContext) => (await context.session()).client(identityv1.IdentityService);

function columns(now: Date): readonly Column<identityv1.Token>[] {
  return [
    { title: 'TOKEN', value: ({ id }) => id },
    { title: 'USER', value: ({ tenant, user }) => `${tenant}/${user}`, least: 8 },
    { title: 'ROLE', value: ({ role }) => roleName(role) },
    { title: 'STATE', value: ({ state }) => enumName(identityv1.TokenStateSchema, state) },
    { title: 'AGE', value: ({ createdAt }) => age(createdAt, now), align: 'right' },
    { title: 'EXPIRES', value: ({ expiresAt }) => (expiresAt ? localTime(expiresAt).slice(0, 16) : 'never') },
    { title: 'DESCRIPTION', value: ({ description }) => description, least: 4 },
  ];
}

async function whoAmI(context: CommandContext): Promise<void> {
  const answer = await (await identity(context)).whoAmI({});
  if (context.json) return context.printJson(identityv1.WhoAmIResponseSchema, answer);
  const facts: [string, string][] = [
    ['User', answer.user],
    ['Tenant', answer.tenant],
    ['Role', roleName(answer.role)],
    ['Token', answer.token ? `${answer.token.id} ${answer.token.description}` : 'none: this cluster serves a single user'],
    ...(answer.token?.expiresAt ? [['Expires', localTime(answer.token.expiresAt)] as [string, string]] : []),
  ];
  await context.io.out(`${factLines(facts, context.io.columns).join('\n')}\n`);
}

interface CreateOptions {
  readonly tenant: string;
  readonly user: string;
  readonly role?: string;
  readonly description: string;
  readonly expires?: string;
  readonly out?: string;
}

/** A secret goes to a file that only its owner can read, which must not exist yet. */
async function writeSecret(path: string, secret: string): Promise<void> {
  await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    throw new CliError(`the token cannot be written to ${path}; it must not exist yet`, undefined, { cause });
  });
}

async function createToken(context: CommandContext, options: CreateOptions): Promise<void> {
  const { tenant, user, description, out } = options;
  const expires = options.expires === undefined ? undefined : Date.now() + parseSeconds(options.expires) * 1000;
  const client = await identity(context);
  const answer = await client.createToken({
    tenant,
    user,
    description,
    ...(options.role !== undefined && { role: parseRole(options.role) }),
    ...(expires !== undefined && { expiresAt: timestampFromMs(expires) }),
  });
  const { token, secret } = answer;
  if (out !== undefined) {
    const path = resolve(context.io.cwd, out);
    try {
      await writeSecret(path, secret);
    } catch (error) {
      // A secret that nobody has is good for nothing, and its token for confusion.
      await client.revokeToken({ id: token?.id ?? '', reason: 'its secret could not be kept' });
      throw error;
    }
    return context.note(`${token?.id ?? ''} of ${token?.tenant ?? ''}/${token?.user ?? ''} is in ${path}`);
  }
  if (context.json) return context.printJson(identityv1.CreateTokenResponseSchema, answer);
  await context.line(secret);
  await context.note(`This is ${token?.id ?? 'the token'}. It is shown once: the cluster keeps only its hash.`);
}

async function listTokens(context: CommandContext, all: boolean): Promise<void> {
  const client = await identity(context);
  const tokens = await collect(async (page) => {
    const answer = await client.listTokens({ ...page, all });
    return { items: answer.tokens, next: answer.nextPageToken };
  });
  await context.printList({
    desc: identityv1.ListTokensResponseSchema,
    message: create(identityv1.ListTokensResponseSchema, { tokens }),
    rows: tokens,
    columns: columns(new Date()),
    empty: 'No tokens.',
  });
}

async function revoke(context: CommandContext, ids: readonly string[], reason: string): Promise<void> {
  const client = await identity(context);
  for (const id of ids) {
    const { token } = await client.revokeToken({ id, reason });
    if (context.json && token) await context.printJson(identityv1.TokenSchema, token);
    else await context.line(`${id} is revoked`);
  }
}

/** Made here, without a cluster: whoever starts one gives it this. */
async function bootstrap(context: CommandContext, out: string | undefined): Promise<void> {
  const { newSecret } = await import('@verbena/frontend-gateway');
  const { randomBytes } = await import('node:crypto');
  const secret = newSecret((bytes) => new Uint8Array(randomBytes(bytes)));
  if (out === undefined) return context.line(secret);
  const path = resolve(context.io.cwd, out);
  await writeSecret(path, secret);
  await context.note(`The first admin's token is in ${path}. Start the gateway with VERBENA_BOOTSTRAP_TOKEN_FILE=${path}`);
}

export function registerTokens({ program, action }: Registry): void {
  example(
    program
      .command('whoami')
      .description('who you are to the cluster, and in which role')
      .action(action((context) => whoAmI(context))),
    'verbena whoami',
  );
  const token = example(program.command('token').description('API tokens'), 'verbena token create --expires 30d');
  example(
    token
      .command('create')
      .description('make a token and print it, once')
      .option('--description <text>', 'what it is for', '')
      .option('--expires <duration>', 'how long it works, for example 12h or 30d; for ever otherwise')
      .option('--role <role>', "the most that it may do: viewer, user, operator, admin; its user's role otherwise")
      .option('--user <name>', 'whose it is (for admins)', '')
      .option('--tenant <name>', 'of which tenant (for admins)', '')
      .option('--out <file>', 'write it to a new file that only you can read')
      .action(action((context, _args, options: CreateOptions) => createToken(context, options))),
    'verbena token create --role viewer --expires 30d --description dashboard',
  );
  example(
    token
      .command('list')
      .description('list tokens; never their secrets')
      .option('--all', "everybody's (for admins)")
      .action(action((context, _args, { all }: { all?: boolean }) => listTokens(context, all === true))),
    'verbena token list --all',
  );
  example(
    token
      .command('revoke')
      .description('end tokens for good')
      .argument('<tokens...>', 'token ids')
      .option('--reason <text>', 'what to record as the reason', '')
      .action(action((context, ids, { reason }: { reason: string }) => revoke(context, ids, reason))),
    'verbena token revoke token-7k2m9q',
  );
  example(
    token
      .command('bootstrap')
      .description("make the first admin's token, for a gateway that is started with it")
      .option('--out <file>', 'write it to a new file that only you can read')
      .action(action((context, _args, { out }: { out?: string }) => bootstrap(context, out))),
    'verbena token bootstrap --out admin-token',
  );
}

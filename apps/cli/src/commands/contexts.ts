/** verbena context add, use, list, remove: clusters by name. */
import { resolve } from 'node:path';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { contextsFile, readContexts, writeContexts, type Contexts } from '../endpoint/contexts.ts';
import { endpointUrl, readSecret } from '../endpoint/target.ts';
import { usageError } from '../errors.ts';
import { tableLines } from '../terminal/table.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

async function change(context: CommandContext, edit: (known: Contexts) => Contexts): Promise<void> {
  const path = contextsFile(context.io.env);
  await writeContexts(path, edit(await readContexts(path)));
}

async function add(context: CommandContext, name: string, force: boolean): Promise<void> {
  const { endpoint, token, tokenFile, ca } = context.options;
  if (!namePattern.test(name)) throw usageError(`"${name}" cannot name a context: letters, digits, ".", "_" and "-"`);
  if (endpoint === undefined) throw usageError('context add wants --endpoint, the gateway of the cluster');
  const secret = token ?? (tokenFile === undefined ? undefined : await readSecret(resolve(context.io.cwd, tokenFile)));
  const entry = {
    endpoint: endpointUrl(endpoint),
    ...(secret !== undefined && { token: secret }),
    ...(ca !== undefined && { authority: resolve(context.io.cwd, ca) }),
  };
  await change(context, ({ current, contexts }) => {
    if (Object.hasOwn(contexts, name) && !force) throw usageError(`there is a context "${name}" already; --force replaces it`);
    return { current: current ?? name, contexts: { ...contexts, [name]: entry } };
  });
  await context.note(`${name} is ${entry.endpoint}`);
}

async function use(context: CommandContext, name: string): Promise<void> {
  await change(context, ({ contexts }) => {
    if (!Object.hasOwn(contexts, name)) throw usageError(`there is no context "${name}"; "verbena context list" shows them`);
    return { current: name, contexts };
  });
  await context.note(`${name} is the current context`);
}

async function remove(context: CommandContext, name: string): Promise<void> {
  await change(context, ({ current, contexts }) => {
    if (!Object.hasOwn(contexts, name)) throw usageError(`there is no context "${name}"`);
    const rest = Object.fromEntries(Object.entries(contexts).filter(([other]) => other !== name));
    return { contexts: rest, ...(current !== undefined && current !== name && { current }) };
  });
}

/** Without the tokens: a list is for looking at. */
async function list(context: CommandContext): Promise<void> {
  const { current, contexts } = await readContexts(contextsFile(context.io.env));
  const rows = Object.entries(contexts).map(([name, { endpoint, token, authority = '' }]) => ({
    name,
    endpoint,
    current: name === current,
    token: token !== undefined,
    authority,
  }));
  if (context.json) return context.io.out(`${JSON.stringify({ contexts: rows }, null, 2)}\n`);
  if (rows.length === 0) return context.note('No contexts. "verbena context add" names a cluster.');
  const lines = tableLines(
    [
      { title: '', value: (row) => (row.current ? '*' : ' ') },
      { title: 'NAME', value: ({ name }) => name },
      { title: 'ENDPOINT', value: ({ endpoint }) => endpoint, least: 16 },
      { title: 'TOKEN', value: ({ token }) => (token ? 'yes' : 'no') },
      { title: 'CA', value: ({ authority }) => authority, least: 8 },
    ],
    rows,
    context.io.columns,
  );
  await context.io.out(`${lines.join('\n')}\n`);
}

export function registerContexts({ program, action }: Registry): void {
  const contexts = example(program.command('context').description('clusters by name, with the tokens for them'), 'verbena context list');
  example(
    contexts
      .command('add')
      .description('name a cluster: its --endpoint, --token-file (or --token) and --ca; kept where only you can read it')
      .argument('<name>', 'name')
      .option('--force', 'replace the one of that name')
      .action(action((context, [name = ''], { force }: { force?: boolean }) => add(context, name, force === true))),
    'verbena context add lab --endpoint https://lab:7070 --token-file token.txt',
  );
  example(
    contexts
      .command('use')
      .description('make a context the one that counts when nothing else is said')
      .argument('<name>', 'name')
      .action(action((context, [name = '']) => use(context, name))),
    'verbena context use lab',
  );
  example(
    contexts
      .command('list')
      .description('the contexts; the current one is marked')
      .action(action((context) => list(context))),
    'verbena context list',
  );
  example(
    contexts
      .command('remove')
      .description('forget a context and its token')
      .argument('<name>', 'name')
      .action(action((context, [name = '']) => remove(context, name))),
    'verbena context remove lab',
  );
}

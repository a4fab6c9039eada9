/** verbena migrate, migrations, migration show, migration cancel: VMs that move while their jobs run. */
import { create } from '@bufbuild/protobuf';
import { migrationv1 } from '@verbena/contracts';
import { InvalidArgumentError } from 'commander';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { migrationLines, outcome, stateOf } from './migration-lines.ts';
import { followMigration } from './follow-migration.ts';
import { collect } from '../pages.ts';
import type { Column } from '../terminal/table.ts';
import { age } from '../terminal/times.ts';
import { humanBytes, parseBytes } from '../terminal/units.ts';

const modes = { precopy: migrationv1.MigrationMode.PRECOPY, stopcopy: migrationv1.MigrationMode.STOPCOPY } as const;
const transports = { tcp: migrationv1.MigrationTransport.TCP, rdma: migrationv1.MigrationTransport.RDMA } as const;
const policies = {
  suspend: migrationv1.WhenTooFast.SUSPEND,
  throttle: migrationv1.WhenTooFast.THROTTLE,
  'give-up': migrationv1.WhenTooFast.GIVE_UP,
} as const;
const designs = { mt: migrationv1.MigrationDesign.MT, pe: migrationv1.MigrationDesign.PE } as const;
const pageBytes = 4_096;

interface MigrateOptions {
  readonly to?: string;
  readonly mode: keyof typeof modes;
  readonly limit?: number;
  readonly transport: keyof typeof transports;
  readonly tooFast: keyof typeof policies;
  readonly design: keyof typeof designs;
  readonly clustering: boolean;
  readonly compress?: number;
  readonly reason?: string;
  readonly wait: boolean;
}

const columns = (now: Date): readonly Column<migrationv1.Migration>[] => [
  { title: 'MIGRATION', value: ({ id }) => id },
  { title: 'VM', value: ({ vmId }) => vmId },
  { title: 'FROM', value: ({ sourceNodeId }) => sourceNodeId, least: 6 },
  { title: 'TO', value: ({ targetNodeId }) => targetNodeId, least: 6 },
  { title: 'STATE', value: ({ phase }) => phase },
  { title: 'SENT', value: (migration) => humanBytes(stateOf(migration).bytes), align: 'right' },
  { title: 'DOWN', value: (migration) => stateOf(migration).downtime, align: 'right' },
  { title: 'AGE', value: ({ startedAt }) => age(startedAt, now), align: 'right' },
];

async function migrate(context: CommandContext, vmId: string, options: MigrateOptions): Promise<number> {
  const client = (await context.session()).client(migrationv1.MigrationService);
  const { to: targetNodeId = '', mode, limit = 0, reason = '' } = options;
  const transfer = {
    transport: transports[options.transport],
    clusterBytes: options.clustering ? 0 : pageBytes,
    compression: options.compress ?? 0,
    whenTooFast: policies[options.tooFast],
    design: designs[options.design],
  };
  const request = { vmId, targetNodeId, mode: modes[mode], limitBytesPerSecond: BigInt(limit), reason, transfer };
  const { migration } = await client.migrateVm(request);
  if (migration === undefined) return 1;
  const last = options.wait ? await followMigration(context, client, migration) : migration;
  if (context.json) await context.printJson(migrationv1.MigrationSchema, last);
  else await context.line(options.wait ? outcome(last) : last.id);
  return options.wait && last.phase !== 'completed' ? 1 : 0;
}

async function list(context: CommandContext): Promise<void> {
  const client = (await context.session()).client(migrationv1.MigrationService);
  const migrations = await collect(async (page) => {
    const answer = await client.listMigrations(page);
    return { items: answer.migrations, next: answer.nextPageToken };
  });
  await context.printList({
    desc: migrationv1.ListMigrationsResponseSchema,
    message: create(migrationv1.ListMigrationsResponseSchema, { migrations }),
    rows: migrations,
    columns: columns(new Date()),
    empty: 'No VM has been moved.',
  });
}

async function show(context: CommandContext, id: string): Promise<void> {
  const { migration } = await (await context.session()).client(migrationv1.MigrationService).getMigration({ id });
  if (migration === undefined) return;
  if (context.json) return context.printJson(migrationv1.MigrationSchema, migration);
  for (const line of migrationLines(migration)) await context.line(line);
}

async function cancel(context: CommandContext, id: string, reason: string): Promise<void> {
  const { migration } = await (await context.session()).client(migrationv1.MigrationService).cancelMigration({ id, reason });
  if (migration === undefined) return;
  if (context.json) return context.printJson(migrationv1.MigrationSchema, migration);
  await context.line(`${id} is ${migration.phase}`);
}

function parseMode(text: string): keyof typeof modes {
  if (text === 'precopy' || text === 'stopcopy') return text;
  if (text === 'postcopy')
    throw new InvalidArgumentError(
      'There is no post-copy: a guest whose memory is not there yet would read zeroes instead of waiting for it. Use "precopy", with --too-fast throttle for one that writes fast.',
    );
  throw new InvalidArgumentError('It is "precopy" or "stopcopy".');
}

/** One of the names of a table. */
function oneOf<T extends string>(table: Readonly<Record<T, unknown>>): (text: string) => T {
  const names = Object.keys(table) as T[];
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new InvalidArgumentError(`It is ${names.map((name) => JSON.stringify(name)).join(' or ')}.`);
    return found;
  };
}

function parseLevel(text: string): number {
  if (/^[1-9]$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a level from 1 to 9.');
}

export function registerMigrations({ program, action }: Registry): void {
  example(
    program
      .command('migrate')
      .summary('move a running VM to another host')
      .description(
        'move a running VM to another host; its job goes on. The ranks of the job help: they stop their connections, and make them anew when the VM has moved.',
      )
      .argument('<vm>', 'VM id, see verbena vms')
      .option('--to <node>', 'where to; the host with the most room otherwise')
      .option('--mode <mode>', 'precopy sends memory while the VM runs, stopcopy suspends it first', parseMode, 'precopy')
      .option('--limit <bytes>', 'bytes a second for pre-copy, for example 100M; no limit otherwise', parseBytes)
      .option('--transport <way>', 'tcp, or rdma: the adapters write from memory to memory', oneOf(transports), 'tcp')
      .option('--too-fast <policy>', 'a VM that writes faster than it is sent: suspend, throttle, give-up', oneOf(policies), 'suspend')
      .option('--design <design>', 'when ranks stop: mt, also while they compute; pe, in MPI calls only', oneOf(designs), 'mt')
      .option('--no-clustering', 'send pages one by one, not those that lie side by side at once')
      .option('--compress <level>', 'compress pages, 1 to 9, with tcp; not at all otherwise', parseLevel)
      .option('--reason <text>', 'what to record as the reason')
      .option('--no-wait', 'print the id of the migration, and return at once')
      .action(action<MigrateOptions>((context, [vm = ''], options) => migrate(context, vm, options))),
    'verbena migrate vm-4x8t1z',
    'verbena migrate vm-4x8t1z --to node-2 --limit 100M',
    'verbena migrate vm-4x8t1z --transport rdma --too-fast throttle',
    'verbena migrate vm-4x8t1z --design pe',
  );
  example(
    program
      .command('migrations')
      .description('list migrations, the newest first')
      .action(action((context) => list(context))),
    'verbena migrations',
  );
  const migration = example(
    program.command('migration').description('look at a migration, or cancel it'),
    'verbena migration show mig-2c6v8n',
  );
  example(
    migration
      .command('show')
      .description('show a migration with its rounds')
      .argument('<migration>', 'migration id')
      .action(action((context, [id = '']) => show(context, id))),
    'verbena migration show mig-2c6v8n',
  );
  example(
    migration
      .command('cancel')
      .description('take a migration back, unless the VM has been handed over already')
      .argument('<migration>', 'migration id')
      .option('--reason <text>', 'what to record as the reason')
      .action(action<{ reason?: string }>((context, [id = ''], { reason = '' }) => cancel(context, id, reason))),
    'verbena migration cancel mig-2c6v8n',
  );
}

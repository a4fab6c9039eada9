/** verbena nodes, node drain, node resume, node counters: the hosts. */
import { create } from '@bufbuild/protobuf';
import { nodev1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { collect } from '../pages.ts';
import { enumName } from '../terminal/json.ts';
import type { Column } from '../terminal/table.ts';
import { age } from '../terminal/times.ts';
import { humanBytes } from '../terminal/units.ts';
import type { RearrangeOptions } from './rearrange.ts';

const stateName = (state: nodev1.NodeState): string => enumName(nodev1.NodeStateSchema, state);

const unremarkable: readonly Column<nodev1.Node>[] = [
  { title: 'IMAGES', value: ({ cachedImages }) => String(cachedImages.length), align: 'right' },
  { title: 'LID', value: ({ lid }) => String(lid), align: 'right' },
];

/** A reason needs the room of what says least about a host that is not ready. */
const columns = (now: Date, reasons: boolean): readonly Column<nodev1.Node>[] => [
  { title: 'NODE', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name, least: 6 },
  { title: 'STATE', value: ({ state }) => stateName(state) },
  { title: 'CORES', value: ({ coresUsed, cores }) => `${coresUsed}/${cores}`, align: 'right' },
  {
    title: 'MEMORY',
    value: ({ memoryUsedBytes, memoryBytes }) => `${humanBytes(memoryUsedBytes)}/${humanBytes(memoryBytes)}`,
    align: 'right',
  },
  { title: 'RUN', value: ({ vmsRunning }) => String(vmsRunning), align: 'right' },
  { title: 'IDLE', value: ({ vmsIdle }) => String(vmsIdle), align: 'right' },
  ...(reasons ? [] : unremarkable),
  { title: 'SEEN', value: ({ lastSeen }) => age(lastSeen, now), align: 'right' },
  ...(reasons ? [{ title: 'REASON', value: ({ reason }: nodev1.Node) => reason, least: 10 }] : []),
];

async function list(context: CommandContext): Promise<void> {
  const client = (await context.session()).client(nodev1.NodeService);
  const nodes = await collect(async (page) => {
    const answer = await client.listNodes(page);
    return { items: answer.nodes, next: answer.nextPageToken };
  });
  await context.printList({
    desc: nodev1.ListNodesResponseSchema,
    message: create(nodev1.ListNodesResponseSchema, { nodes }),
    rows: nodes,
    columns: columns(
      new Date(),
      nodes.some(({ reason }) => reason !== ''),
    ),
    empty: 'No nodes have registered.',
  });
}

async function tell(context: CommandContext, node: nodev1.Node | undefined): Promise<void> {
  if (!node) return;
  if (context.json) return context.printJson(nodev1.NodeSchema, node);
  await context.line(`${node.id} is ${stateName(node.state)}`);
}

export function registerNodes({ program, action }: Registry): void {
  example(
    program
      .command('nodes')
      .description('list the hosts')
      .action(action((context) => list(context))),
    'verbena nodes',
  );
  const node = example(
    program.command('node').description('take a host out of placement or back in; its counters'),
    'verbena node drain node-2',
  );
  example(
    node
      .command('drain')
      .description('place nothing new on a host; what runs there goes on')
      .argument('<node>', 'node id')
      .option('--reason <text>', 'what to record as the reason', '')
      .option('--migrate', 'and move away what runs there')
      .action(
        action<{ reason: string; migrate?: true }>(async (context, [id = ''], { reason, migrate }) => {
          if (migrate) return (await import('./drain.ts')).evacuate(context, id, reason);
          return tell(context, (await (await context.session()).client(nodev1.NodeService).drainNode({ id, reason })).node);
        }),
      ),
    'verbena node drain node-2 --reason "new memory"',
    'verbena node drain node-2 --migrate',
  );
  example(
    node
      .command('resume')
      .description('place VMs on a drained host again')
      .argument('<node>', 'node id')
      .action(
        action(async (context, [id = '']) =>
          tell(context, (await (await context.session()).client(nodev1.NodeService).resumeNode({ id })).node),
        ),
      ),
    'verbena node resume node-2',
  );
  for (const [how, summary, description] of [
    [
      'balance',
      'move VMs so that hosts have equal loads',
      'move running VMs from full hosts to empty ones, until no move makes the fuller one emptier',
    ],
    [
      'consolidate',
      'move VMs so that some hosts have none',
      'move the running VMs of hosts that run little to hosts that run something already, where all of a host find room',
    ],
  ] as const)
    example(
      node
        .command(how)
        .summary(summary)
        .description(description)
        .option('--dry-run', 'only say what would move')
        .option('--reason <text>', 'what to record as the reason', '')
        .action(
          action<RearrangeOptions>(async (context, _words, options) => (await import('./rearrange.ts')).rearrange(context, how, options)),
        ),
      `verbena node ${how} --dry-run`,
    );
  example(
    node
      .command('counters')
      .summary('show what the adapter of a host has counted')
      .description('show the counters of a host’s port and of its VMs by their InfiniBand names; data in units of 4 bytes')
      .argument('<node>', 'node id')
      .option('--vm <vm>', 'only those of this VM')
      .action(action<{ vm?: string }>(async (context, [id = ''], { vm }) => (await import('./counters.ts')).counters(context, id, vm))),
    'verbena node counters node-2',
  );
}

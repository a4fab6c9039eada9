/** verbena fabric: the subnet, in the manner of ibstat and smpquery: ports, P_Key tables, routes, partitions. */
import { create } from '@bufbuild/protobuf';
import { nodev1, vmv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { collect } from '../pages.ts';
import type { Column } from '../terminal/table.ts';

const { PartitionMembership } = vmv1;

/** 0x7001, 28673. */
export function parsePartition(text: string): number {
  const value = /^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0x7000 && value <= 0x7ffe)) throw usageError(`a partition of operators is 0x7000 to 0x7ffe, not "${text}"`);
  return value;
}

export const pkeyText = (pkey: number): string => `0x${pkey.toString(16).padStart(4, '0')} ${pkey & 0x8000 ? 'full' : 'limited'}`;

const portState = ({ state, portDisabled }: nodev1.Node): string =>
  state === nodev1.NodeState.LOST ? 'unknown' : portDisabled ? 'disabled' : 'active';

const portColumns: readonly Column<nodev1.Node>[] = [
  { title: 'NODE', value: ({ id }) => id },
  { title: 'LID', value: ({ lid }) => String(lid), align: 'right' },
  { title: 'GUID', value: ({ portGuid }) => portGuid },
  { title: 'STATE', value: portState },
  { title: 'ENDPOINT', value: ({ fabricEndpoint }) => (fabricEndpoint === '' ? 'this process' : fabricEndpoint) },
];

async function ports(context: CommandContext): Promise<void> {
  const client = (await context.session()).client(nodev1.NodeService);
  const nodes = await collect(async (page) => {
    const answer = await client.listNodes(page);
    return { items: answer.nodes, next: answer.nextPageToken };
  });
  const message = create(nodev1.ListNodesResponseSchema, { nodes });
  await context.printList({
    desc: nodev1.ListNodesResponseSchema,
    message,
    rows: nodes,
    columns: portColumns,
    empty: 'No nodes have registered.',
  });
}

/** The lines of `fabric show`. */
export function portLines(id: string, { lid, guid, enabled, endpoint, vms, routes }: nodev1.SubnetPort): string[] {
  return [
    `port of ${id}`,
    `  LID        ${String(lid)}`,
    `  GUID       ${guid}`,
    `  state      ${enabled ? 'active' : 'down: disabled by an operator'}`,
    ...(endpoint === '' ? [] : [`  endpoint   ${endpoint}`]),
    ...vms.flatMap(({ vmId, pkeys }) => [
      `P_Keys of ${vmId}`,
      ...pkeys.flatMap((pkey, index) =>
        pkey === 0 ? [] : [`  ${String(index).padStart(2)}  ${pkeyText(pkey)}${index === 0 ? ', of its job' : ''}`],
      ),
    ]),
    ...(routes.length === 0 ? [] : ['routes to other processes']),
    ...routes.map(({ lid: to, endpoint: at, up }) => `  LID ${String(to)} by ${at}, ${up ? 'up' : 'not open'}`),
  ];
}

async function show(context: CommandContext, id: string): Promise<void> {
  const { port } = await (await context.session()).client(nodev1.NodeService).getPort({ id });
  if (port === undefined) return;
  if (context.json) return context.printJson(nodev1.SubnetPortSchema, port);
  for (const line of portLines(id, port)) await context.line(line);
}

async function enable(context: CommandContext, id: string, enabled: boolean): Promise<void> {
  const { node } = await (await context.session()).client(nodev1.NodeService).enablePort({ id, enabled });
  if (node === undefined) return;
  if (context.json) return context.printJson(nodev1.NodeSchema, node);
  await context.line(`the port of ${id} is ${enabled ? 'enabled' : 'disabled'}`);
}

async function member(context: CommandContext, partition: number, id: string, membership: vmv1.PartitionMembership): Promise<void> {
  const { vm } = await (await context.session()).client(vmv1.VmService).setPartition({ id, member: { partition, membership } });
  if (vm === undefined) return;
  if (context.json) return context.printJson(vmv1.VmSchema, vm);
  const name = `0x${partition.toString(16)}`;
  const how = membership === PartitionMembership.FULL ? 'a full member' : 'a limited member';
  await context.line(membership === PartitionMembership.UNSPECIFIED ? `${id} is not in ${name}` : `${id} is ${how} of ${name}`);
}

async function partitions(context: CommandContext): Promise<void> {
  const client = (await context.session()).client(vmv1.VmService);
  const all = await collect(async (page) => {
    const answer = await client.listVms(page);
    return { items: answer.vms, next: answer.nextPageToken };
  });
  const vms = all.filter((vm) => vm.partitions.length > 0);
  if (context.json) return context.printJson(vmv1.ListVmsResponseSchema, create(vmv1.ListVmsResponseSchema, { vms }));
  const rows = vms.flatMap((vm) => vm.partitions.map(({ partition, membership }) => ({ partition, membership, vm })));
  rows.sort((a, b) => a.partition - b.partition || (a.vm.id < b.vm.id ? -1 : 1));
  for (const { partition, membership, vm } of rows)
    await context.line(
      `0x${partition.toString(16)}  ${membership === PartitionMembership.FULL ? 'full   ' : 'limited'}  ${vm.id} on ${vm.nodeName}`,
    );
  if (rows.length === 0) await context.line('No VM is in a partition beside that of its job.');
}

export function registerFabric({ program, action }: Registry): void {
  const fabric = example(program.command('fabric').description('the subnet: ports, P_Keys, routes, partitions'), 'verbena fabric ports');
  example(
    fabric
      .command('ports')
      .description('list the ports of the subnet: LID, GUID, state, where they are reached')
      .action(action((context) => ports(context))),
    'verbena fabric ports',
  );
  example(
    fabric
      .command('show')
      .summary('show a port: its state, the P_Key tables of its VMs, its routes')
      .description(
        'show the port of a host: its state, the P_Key table of each VM that uses it (the first entry is the partition of its job), and its routes to other processes',
      )
      .argument('<node>', 'node id')
      .action(action((context, [id = '']) => show(context, id))),
    'verbena fabric show node-2',
  );
  for (const [name, enabled, description] of [
    [
      'disable',
      false,
      'take the port of a host down: its connections wait until their retries are used up; it stays down until it is enabled, also when the host restarts',
    ],
    ['enable', true, 'take the port of a host up again'],
  ] as const)
    example(
      fabric
        .command(name)
        .description(description)
        .argument('<node>', 'node id')
        .action(action((context, [id = '']) => enable(context, id, enabled))),
      `verbena fabric ${name} node-2`,
    );
  const partition = example(
    fabric.command('partition').description('partitions beside those of jobs: who of which jobs may talk to each other'),
    'verbena fabric partition add 0x7001 vm-4x8t1z',
  );
  example(
    partition
      .command('add')
      .summary('put a VM into a partition')
      .description(
        'put a VM into a partition (0x7000 to 0x7ffe) while its program runs; there is one as long as it has members. Two limited members do not talk to each other.',
      )
      .argument('<partition>', 'its number', parsePartition)
      .argument('<vm>', 'VM id')
      .option('--limited', 'as a limited member')
      .action(
        action<{ limited?: true }>((context, [key = '', id = ''], { limited }) =>
          member(context, Number(key), id, limited ? PartitionMembership.LIMITED : PartitionMembership.FULL),
        ),
      ),
    'verbena fabric partition add 0x7001 vm-4x8t1z --limited',
  );
  example(
    partition
      .command('remove')
      .description('take a VM out of a partition')
      .argument('<partition>', 'its number', parsePartition)
      .argument('<vm>', 'VM id')
      .action(action((context, [key = '', id = '']) => member(context, Number(key), id, PartitionMembership.UNSPECIFIED))),
    'verbena fabric partition remove 0x7001 vm-4x8t1z',
  );
  example(
    partition
      .command('list')
      .description('list the partitions beside those of jobs, with their members')
      .action(action((context) => partitions(context))),
    'verbena fabric partition list',
  );
}

/** verbena vms, vm share, vm attach-vf, vm detach-vf: which VM is where, what it runs, and what it has and gets of its adapter. */
import { create } from '@bufbuild/protobuf';
import { vmv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { collect } from '../pages.ts';
import { shortDigest } from '../terminal/digests.ts';
import { enumName } from '../terminal/json.ts';
import type { Column } from '../terminal/table.ts';
import { humanBytes, parseCount, parseRate } from '../terminal/units.ts';

const columns: readonly Column<vmv1.Vm>[] = [
  { title: 'VM', value: ({ id }) => id },
  { title: 'NODE', value: ({ nodeName, nodeId }) => nodeName || nodeId, least: 6 },
  { title: 'STATE', value: ({ state }) => enumName(vmv1.VmStateSchema, state) },
  { title: 'MEMORY', value: ({ memoryBytes }) => humanBytes(memoryBytes), align: 'right' },
  { title: 'JOB', value: ({ jobId }) => jobId },
  { title: 'RANK', value: ({ jobId, rank }) => (jobId ? String(rank) : ''), align: 'right' },
  { title: 'IMAGE', value: ({ imageDigest }) => shortDigest(imageDigest), least: 12 },
];

async function list(context: CommandContext, all: boolean): Promise<void> {
  const client = (await context.session()).client(vmv1.VmService);
  const vms = await collect(async (page) => {
    const answer = await client.listVms({ ...page, all });
    return { items: answer.vms, next: answer.nextPageToken };
  });
  await context.printList({
    desc: vmv1.ListVmsResponseSchema,
    message: create(vmv1.ListVmsResponseSchema, { vms }),
    rows: vms,
    columns,
    empty: all ? 'There have been no VMs.' : 'No VMs are up. (--all shows those that have ended.)',
  });
}

interface ShareOptions {
  readonly weight?: number;
  readonly rate?: number;
}

/** What is not said stays as it is. */
async function share(context: CommandContext, id: string, { weight, rate }: ShareOptions): Promise<void> {
  if (weight === undefined && rate === undefined) throw usageError('say --weight, --rate, or both');
  const client = (await context.session()).client(vmv1.VmService);
  const now = (await client.getVm({ id })).vm?.adapterShare;
  const wanted = { weight: weight ?? now?.weight ?? 1, bytesPerSecond: rate === undefined ? (now?.bytesPerSecond ?? 0n) : BigInt(rate) };
  const { vm } = await client.setAdapterShare({ id, share: wanted });
  if (!vm) return;
  if (context.json) return context.printJson(vmv1.VmSchema, vm);
  const limit = wanted.bytesPerSecond === 0n ? 'no limit of its own' : `at most ${humanBytes(wanted.bytesPerSecond)} a second`;
  await context.line(`${id} has weight ${String(wanted.weight)} and ${limit}`);
}

async function plug(context: CommandContext, id: string, attached: boolean): Promise<void> {
  const { vm } = await (await context.session()).client(vmv1.VmService).plugFunction({ id, attached });
  if (!vm) return;
  if (context.json) return context.printJson(vmv1.VmSchema, vm);
  await context.line(attached ? `${id} has its virtual function again` : `${id} is without its virtual function`);
}

/** "0" and "none": no limit. */
function parseLimit(text: string): number {
  return text === '0' || text === 'none' ? 0 : parseRate('--rate')(text);
}

export function registerVms({ program, action }: Registry): void {
  example(
    program
      .command('vms')
      .summary('list virtual machines')
      .description('list virtual machines: on which host, in which state, for which rank')
      .option('--all', 'those that have ended, too')
      .action(action((context, _args, { all }: { all?: boolean }) => list(context, all === true))),
    'verbena vms --all',
  );
  const vm = example(program.command('vm').description('what a virtual machine gets of its host'), 'verbena vm share vm-4x8t1z --weight 4');
  example(
    vm
      .command('share')
      .summary('set what a VM gets of its host’s adapter')
      .description(
        'Sets what a VM gets of its host’s adapter while its program runs. Weights count where the port has a rate (verbena up --port-rate). What is not said stays.',
      )
      .argument('<vm>', 'VM id')
      .option('--weight <weight>', 'its part beside those of the other VMs, 1 to 255', parseCount('--weight', 1, 255))
      .option('--rate <size>', 'most bytes that it sends in a second; none: no limit', parseLimit)
      .action(action<ShareOptions>((context, [id = ''], options) => share(context, id, options))),
    'verbena vm share vm-4x8t1z --weight 4 --rate 500M',
  );
  example(
    vm
      .command('detach-vf')
      .summary('take its virtual function of the adapter from a VM')
      .description(
        'Takes its virtual function of the adapter from a VM while its program runs. The program is told (IBV_EVENT_DEVICE_FATAL), its queue pairs are flushed in error, and there is no device until it is attached again. An MPI program does not survive that.',
      )
      .argument('<vm>', 'VM id')
      .action(action((context, [id = '']) => plug(context, id, false))),
    'verbena vm detach-vf vm-4x8t1z',
  );
  example(
    vm
      .command('attach-vf')
      .summary('give a VM a virtual function of the adapter again')
      .description(
        'Gives a VM that was detached a virtual function again. Its program finds a device that it can open, and nothing of what it had made before.',
      )
      .argument('<vm>', 'VM id')
      .action(action((context, [id = '']) => plug(context, id, true))),
    'verbena vm attach-vf vm-4x8t1z',
  );
}

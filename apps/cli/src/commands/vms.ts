/** verbena vms: which VM is where, and what it runs. */
import { create } from '@bufbuild/protobuf';
import { vmv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { collect } from '../pages.ts';
import { shortDigest } from '../terminal/digests.ts';
import { enumName } from '../terminal/json.ts';
import type { Column } from '../terminal/table.ts';
import { humanBytes } from '../terminal/units.ts';

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
}

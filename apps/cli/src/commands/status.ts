/** verbena status: whether the cluster is up, and how it fares. */
import { clusterv1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { factLines } from '../terminal/table.ts';
import { age } from '../terminal/times.ts';

async function status(context: CommandContext): Promise<number> {
  const session = await context.session();
  const answer = await session.client(clusterv1.ClusterService).getStatus({}, { timeoutMs: 10_000 });
  const waiting = answer.services.filter(({ ready }) => !ready);
  if (context.json) await context.printJson(clusterv1.GetStatusResponseSchema, answer);
  else {
    const facts: [string, string][] = [
      ['Cluster', `up since ${age(answer.startedAt, new Date())}, at ${session.url}`],
      ['Version', answer.version],
      ['Hosts', `${answer.nodes} with ${answer.cores} cores, ${answer.coresUsed} in use`],
      ['Jobs', `${answer.jobsRunning} running, ${answer.jobsQueued} queued`],
      ['VMs', String(answer.vms)],
      ['Events', String(answer.events)],
      ['Data', answer.dataDirectory],
      [
        'Services',
        waiting.length === 0
          ? `${answer.services.length} ready`
          : `${answer.services.length - waiting.length} of ${answer.services.length} ready`,
      ],
      ...waiting.map(({ name, detail }): [string, string] => ['', `${name}: ${detail}`]),
    ];
    await context.io.out(`${factLines(facts, context.io.columns).join('\n')}\n`);
  }
  return waiting.length === 0 ? 0 : 1;
}

export function registerStatus({ program, action }: Registry): void {
  example(
    program
      .command('status')
      .description('how the cluster fares (exit code 3: none is up)')
      .action(action((context) => status(context))),
    'verbena status',
  );
}

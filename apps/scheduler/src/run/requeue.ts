/** Which of a job's nodes do not answer: a job that could not be brought up is placed anew when that was a node's fault. */
import { nodev1 } from '@verbena/contracts';
import type { RunPorts } from './ports.ts';

const askMs = 2_000;

export async function silentNodes({ bus }: Pick<RunPorts, 'bus'>, nodeIds: readonly string[]): Promise<readonly string[]> {
  const answers = await Promise.all(
    nodeIds.map((id) =>
      bus
        .client(nodev1.NodeAgentService, id)
        .listLocalVms({}, { timeoutMs: askMs })
        .then(
          () => true,
          () => false,
        ),
    ),
  );
  return nodeIds.filter((_, index) => answers[index] === false);
}

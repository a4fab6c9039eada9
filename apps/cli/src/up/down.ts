/** verbena down: asks the cluster to stop, waits for it within a bound, and says what came of it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandContext } from '../command-context.ts';
import { isAlive, readEndpoint } from '../endpoint/endpoint-file.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { progressLine } from '../terminal/progress.ts';

const stopMs = 60_000;
const lookEveryMs = 50;

export async function down(context: CommandContext): Promise<void> {
  const { dataDir } = context.where;
  const endpoint = await readEndpoint(dataDir);
  if (!endpoint) throw new CliError(`no cluster is up for ${dataDir}`, exitCodes.unreachable);
  if (!(await isAlive(endpoint))) {
    await rm(join(dataDir, 'endpoint.json'), { force: true });
    await context.line(`The cluster of ${dataDir} (process ${endpoint.pid}) had ended already, without being stopped. Its data is kept.`);
    return;
  }
  process.kill(endpoint.pid, 'SIGTERM');
  const progress = progressLine(context.io, context.options);
  progress.show(`stopping process ${endpoint.pid}`);
  const deadline = performance.now() + stopMs;
  while (await isAlive(endpoint)) {
    if (performance.now() > deadline) {
      progress.clear();
      throw new CliError(
        `process ${endpoint.pid} has not stopped within ${stopMs / 1000} s; "kill -9 ${endpoint.pid}" ends it, and nothing that was accepted is lost`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  progress.clear();
  if (context.json) await context.line(JSON.stringify({ stopped: endpoint.pid }));
  else await context.line('Stopped.');
}

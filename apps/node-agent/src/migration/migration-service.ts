/** MigrationAgentService: checks what comes in, calls the part that does it, and turns refusals into RPC errors. */
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { migrationv1 } from '@verbena/contracts';
import { asConnectError } from '../errors.ts';
import type { AgentMigrations } from './agent-migrations.ts';
import type { Copied } from './outgoing.ts';

const { ReleaseHow } = migrationv1;
const defaultQuiesceMs = 10_000;

export function migrationAgentService(migrations: AgentMigrations): ServiceImpl<typeof migrationv1.MigrationAgentService> {
  return {
    prepareIncoming: (request) =>
      edge(async () => {
        const { endpoint, secret } = await migrations.prepare(request);
        return { endpoint, secret };
      }),
    async *precopy(request, { signal }) {
      let round = 0;
      try {
        for await (const done of migrations.rounds(request, signal)) yield { round: ++round, done: onWire(done) };
      } catch (error) {
        throw asConnectError(error);
      }
    },
    quiesce: (request) =>
      edge(async () => {
        const timeoutMs = request.timeout === undefined ? defaultQuiesceMs : durationMs(request.timeout);
        return { ranks: [...(await migrations.quiesce(request, timeoutMs))] };
      }),
    suspend: (request, { signal }) => edge(async () => ({ sent: onWire(await migrations.suspend(request, signal)) })),
    restore: (request, { signal }) => edge(async () => (await migrations.restore(request, signal), {})),
    release: ({ jobId, migrationId, how, fabric }) =>
      edge(async () => {
        const mode = how === ReleaseHow.NEW_ADAPTER ? 'new-adapter' : 'same';
        await migrations.release(jobId, migrationId, mode, fabric);
        if (mode === 'new-adapter') await migrations.settled(migrationId);
        return {};
      }),
    discard: ({ migrationId, vmId }) => edge(async () => (await migrations.discard(migrationId, vmId), {})),
    resume: ({ migrationId }) => edge(async () => (await migrations.resume(migrationId), {})),
    abortIncoming: ({ migrationId }) => edge(async () => (await migrations.abort(migrationId), {})),
  };
}

async function edge<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw asConnectError(error);
  }
}

function onWire({ pages, bytes, ms, left }: Copied) {
  return { pages: BigInt(pages), bytes: BigInt(bytes), duration: durationFromMs(Math.round(ms)), left: BigInt(left) };
}

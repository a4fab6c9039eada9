/** CheckpointAgentService: checks what comes in, calls the part that does it, and turns refusals into RPC errors. */
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { migrationv1 } from '@verbena/contracts';
import { asConnectError } from '../errors.ts';
import type { AgentCheckpoints } from './agent-checkpoints.ts';

const defaultTimeoutMs = 10_000;

export function checkpointAgentService(checkpoints: AgentCheckpoints): ServiceImpl<typeof migrationv1.CheckpointAgentService> {
  return {
    standStill: edge(async (request: migrationv1.StandStillRequest) => {
      const timeoutMs = request.timeout === undefined ? defaultTimeoutMs : durationMs(request.timeout);
      return { ranks: [...(await checkpoints.standStill(request, timeoutMs))] };
    }),
    capture: edge(async ({ checkpointId, base }: migrationv1.CaptureRequest) => ({
      ranks: [...(await checkpoints.capture(checkpointId, base))],
    })),
    goOn: edge(({ checkpointId }: migrationv1.GoOnRequest) => {
      const stood = [...checkpoints.goOn(checkpointId)];
      return Promise.resolve({ ranks: stood.map(([rank, ms]) => ({ rank, stood: durationFromMs(Math.round(ms)) })) });
    }),
    store: edge(async ({ checkpointId }: migrationv1.StoreRequest) => {
      const saved = await checkpoints.store(checkpointId);
      return {
        ranks: saved.map(({ rank, bytes, newBytes, changedPages }) => ({
          ...{ rank, bytes: BigInt(bytes), newBytes: BigInt(newBytes) },
          changedPages: BigInt(changedPages),
        })),
      };
    }),
    drop: edge(async ({ checkpointId }: migrationv1.DropRequest) => (await checkpoints.drop(checkpointId), {})),
  };
}

function edge<Request, Response>(handle: (request: Request) => Promise<Response>): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await handle(request);
    } catch (error) {
      throw asConnectError(error);
    }
  };
}

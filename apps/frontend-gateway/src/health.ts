/** grpc.health.v1: how each service fares, from the readiness of the part that answers for it. */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { healthv1 } from '@verbena/contracts';
import type { Clock, RunningService } from '@verbena/service-kit';
import { publicServices, authorization } from './authorization.ts';

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = healthv1.HealthCheckResponse_ServingStatus;
type Status = healthv1.HealthCheckResponse_ServingStatus;

export interface HealthParts {
  readonly clock: Clock;
  readonly draining: AbortSignal;
  services(): readonly RunningService[];
  /** How often a watched part is asked, in milliseconds. */
  readonly watchEveryMs: number;
}

async function isReady(part: RunningService): Promise<boolean> {
  return part.notReady().then(
    (reason) => reason === undefined,
    () => false,
  );
}

export function healthService({ clock, draining, services, watchEveryMs }: HealthParts): ServiceImpl<typeof healthv1.Health> {
  /** The gateway is there when it answers. A part that nobody has told of is not. */
  async function statusOf(name: string): Promise<Status> {
    if (draining.aborted) return NOT_SERVING;
    if (name === '') return SERVING;
    if (!publicServices().some(({ typeName }) => typeName === name)) return SERVICE_UNKNOWN;
    const part = authorization.find(({ service }) => service.typeName === name)?.part;
    if (part === 'frontend-gateway') return SERVING;
    const running = services().find((candidate) => candidate.name === part);
    return running !== undefined && (await isReady(running)) ? SERVING : NOT_SERVING;
  }

  return {
    async check({ service }) {
      const status = await statusOf(service);
      if (status === SERVICE_UNKNOWN) throw new ConnectError(`there is no service ${JSON.stringify(service.slice(0, 200))}`, Code.NotFound);
      return { status };
    },
    async *watch({ service }, { signal }) {
      let last: Status | undefined;
      const stopped = AbortSignal.any([signal, draining]);
      for (;;) {
        const status = await statusOf(service);
        if (status !== last) yield { status };
        last = status;
        if (draining.aborted) return;
        await clock.sleep(watchEveryMs, stopped).catch(() => signal.throwIfAborted());
      }
    },
  };
}

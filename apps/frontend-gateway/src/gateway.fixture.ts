/** A gateway before fakes of the services, for specs. */
import type { DescService } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type ConnectRouter,
  type ServiceImpl,
  type Transport,
} from '@connectrpc/connect';
import type { Bus } from '@verbena/messaging';
import { createMetrics, systemClock, type ServiceContext } from '@verbena/service-kit';
import { trace } from '@opentelemetry/api';
import { pino } from 'pino';

/** A bus that carries calls through connect's in-memory transport; what is not served is UNAVAILABLE. */
export interface FakeBus extends Bus {
  /** Serves some of a service's RPCs; the others are UNIMPLEMENTED. */
  fake<S extends DescService>(service: S, implementation: Partial<ServiceImpl<S>>): void;
}

export function fakeBus(): FakeBus {
  const served = new Map<string, Transport>();
  const subscribers = new Map<string, (payload: Uint8Array) => void>();
  const key = (service: DescService, address = ''): string => `${service.typeName}@${address}`;
  return {
    client: (service, address) => {
      const transport = (): Transport => {
        const found = served.get(key(service, address));
        if (!found) throw new ConnectError(`${service.typeName} is not served`, Code.Unavailable);
        return found;
      };
      return createClient(service, {
        unary: async (...call) => transport().unary(...call),
        stream: async (...call) => transport().stream(...call),
      });
    },
    serve: () => Promise.reject(new Error('a gateway serves nothing on the bus')),
    fake: (service, implementation) => {
      served.set(
        key(service),
        createRouterTransport((router: ConnectRouter) => void router.service(service, implementation)),
      );
    },
    connected: () => true,
    publish: (subject, payload) => subscribers.get(subject)?.(payload),
    subscribe: (subject, handler) => {
      subscribers.set(subject, handler);
      return () => subscribers.delete(subject);
    },
    close: () => Promise.resolve(),
  };
}

export function fakeContext(bus: Bus): ServiceContext {
  return {
    bus,
    log: pino({ level: 'silent' }),
    tracer: trace.getTracer('spec'),
    metrics: createMetrics(),
    clock: systemClock,
    random: (bytes) => new Uint8Array(bytes).fill(7),
    dataDir: '.',
  };
}

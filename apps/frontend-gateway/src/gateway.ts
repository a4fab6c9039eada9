/**
 * The gateway: the only door from outside. One port, every public RPC, each request authorized by the table, bounded in size, and in a span.
 */
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { clusterv1 } from '@verbena/contracts';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { authorization } from './authorization.ts';
import { clusterService, type ClusterFacts } from './cluster-service.ts';
import { forward } from './forwarder.ts';
import { hostCheck } from './host-check.ts';
import { listenOnOnePort, type RequestListener } from './one-port.ts';
import { requestSpans } from './request-span.ts';

export interface GatewayOptions {
  /** Where to listen; loopback and any free port by default. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly facts: ClusterFacts;
  /** Bound on one request message in bytes. A chunk is at most 1 MiB; the rest is smaller. */
  readonly maxRequestBytes?: number;
}

export interface Gateway extends RunningService {
  readonly host: string;
  readonly port: number;
  /** For clients: "http://127.0.0.1:7070". */
  readonly url: string;
}

const drainMs = 3_000;
/** Standard input of a job travels in its submission, so that is the largest request. */
const defaultMaxRequestBytes = 16 << 20;

/** Starts the gateway; rejects when the port is taken. */
export async function startGateway(context: ServiceContext, options: GatewayOptions): Promise<Gateway> {
  const { host = '127.0.0.1', port = 0 } = options.listen ?? {};
  const draining = new AbortController();
  const listener = connectNodeAdapter({
    routes: (router) => {
      for (const { service } of authorization)
        if (service === clusterv1.ClusterService) router.service(clusterv1.ClusterService, clusterService(context.bus, options.facts));
        else router.service(service, forward(context.bus, service, draining.signal));
    },
    interceptors: [requestSpans(context.tracer)],
    readMaxBytes: options.maxRequestBytes ?? defaultMaxRequestBytes,
  });
  const server = await listenOnOnePort(host, port, hostCheck(host, listener as RequestListener));
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.address.port}`;
  context.log.info({ url }, 'gateway listens');

  let stopping: Promise<void> | undefined;
  return {
    name: 'frontend-gateway',
    host,
    port: server.address.port,
    url,
    notReady: () => Promise.resolve(stopping ? 'stopping' : undefined),
    stop: () => {
      draining.abort();
      stopping ??= server.stop(drainMs);
      return stopping;
    },
  };
}

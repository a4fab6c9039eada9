/**
 * The gateway: the only door from outside. One port, every public RPC, each request let in by the table, checked against its contract, bounded in
 * size, and in a span.
 */
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, MethodImpl, ServiceImpl } from '@connectrpc/connect';
import { clusterv1, healthv1, identityv1, loadRequestCheck, reflectionv1, reflectionv1alpha } from '@verbena/contracts';
import { checked, type RunningService, type ServiceContext } from '@verbena/service-kit';
import { admitted, letIn } from './access.ts';
import { authorization, publicServices, type ServiceRow } from './authorization.ts';
import { authenticatorFor, type AuthOptions } from './bootstrap.ts';
import { clusterService, type ClusterFacts } from './cluster-service.ts';
import { forward, type Forwarding } from './forwarder.ts';
import { healthService } from './health.ts';
import { HeldBytes } from './held-bytes.ts';
import { hostCheck } from './host-check.ts';
import { identityService } from './identity-service.ts';
import { defaultLimits, type ConnectionLimits } from './limits.ts';
import { nodeListener } from './node-listener.ts';
import { listenOnOnePort, type Load } from './one-port.ts';
import { RateLimit } from './rate-limit.ts';
import { Reflection, reflectionAlphaService, reflectionService } from './reflection.ts';
import { countRefusal, observePort, requestMetrics } from './request-metrics.ts';
import { requestSpans } from './request-span.ts';
import { readTls, watchTls, type TlsFiles } from './tls.ts';

export interface GatewayOptions {
  /** Where to listen; loopback and any free port by default. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly facts: ClusterFacts;
  /** Who is let in; by default a single user on loopback, and whoever has a token elsewhere. */
  readonly auth?: AuthOptions;
  /** Speaks TLS with this certificate; in clear otherwise. */
  readonly tls?: TlsFiles;
  readonly limits?: Partial<ConnectionLimits>;
  /** Most requests a second of one token, on the long run; no bound when absent. */
  readonly requestsPerSecond?: number;
  /** Bound on any request message in bytes, below the bounds that the table has. */
  readonly maxRequestBytes?: number;
  /** How long a stream may be silent before it shows a sign of life, in milliseconds. */
  readonly heartbeatMs?: number;
}

export interface Gateway extends RunningService {
  readonly host: string;
  readonly port: number;
  /** For clients: "http://127.0.0.1:7070". */
  readonly url: string;
  /** What it is busy with. */
  load(): Load & { readonly heldBytes: number };
}

const drainMs = 3_000;
const watchEveryMs = 1_000;

type Implementations = ReadonlyMap<DescService, Partial<ServiceImpl<DescService>>>;

/** What the gateway answers itself; everything else is forwarded. */
function ownServices(forwarding: Forwarding, facts: ClusterFacts): Implementations {
  const { bus, clock, draining } = forwarding;
  const reflection = new Reflection(publicServices());
  const own = new Map<DescService, object>([
    [clusterv1.ClusterService, clusterService(bus, facts)],
    [identityv1.IdentityService, { ...forward(identityv1.IdentityService, forwarding), ...identityService(forwarding) }],
    [healthv1.Health, healthService({ clock, draining, services: () => facts.services(), watchEveryMs })],
    [reflectionv1.ServerReflection, reflectionService(reflection, clock)],
    [reflectionv1alpha.ServerReflection, reflectionAlphaService(reflection, clock)],
  ]);
  return own as Map<DescService, Partial<ServiceImpl<DescService>>>;
}

/** Each RPC with the bound on its requests. Those that are internal have no implementation here: they end with the interceptor. */
function register(
  router: ConnectRouter,
  { service, rules }: ServiceRow,
  implementation: Partial<ServiceImpl<DescService>>,
  maximum: number,
): void {
  for (const method of service.methods) {
    const handler = (implementation as Record<string, unknown>)[method.localName];
    const readMaxBytes = Math.min(rules[method.localName]?.requestBytes ?? 0, maximum);
    if (handler !== undefined) router.rpc(method, handler as MethodImpl<typeof method>, { readMaxBytes });
  }
}

/** Starts the gateway; rejects when the port is taken. */
export async function startGateway(context: ServiceContext, options: GatewayOptions): Promise<Gateway> {
  const { bus, clock, log, random } = context;
  const host = options.listen?.host ?? '127.0.0.1';
  const { facts, maxRequestBytes = Infinity, heartbeatMs = 15_000 } = options;
  const secure = options.tls && (await readTls(options.tls));
  const draining = new AbortController();
  const auth = authenticatorFor(context, host, options.auth);
  const forwarding = { bus, clock, random, heartbeatMs, authenticator: auth.authenticator, draining: draining.signal };
  const own = ownServices(forwarding, facts);
  const check = loadRequestCheck();
  const rate = options.requestsPerSecond === undefined ? undefined : new RateLimit({ clock, perSecond: options.requestsPerSecond });
  const held = new HeldBytes({ ...defaultLimits, ...options.limits }.requestBytes);
  const listener = nodeListener({
    log,
    held,
    admit: (handler, headers) =>
      admitted(auth.authenticator, handler.service, handler.method, headers)
        .then((caller) => caller && rate?.take(caller))
        .catch((error: unknown) => {
          countRefusal(context.metrics, handler, error);
          throw error;
        }),
    routes: (router) => {
      for (const row of authorization) {
        const implementation = own.get(row.service) ?? forward(row.service, forwarding);
        register(router, row, checked(row.service, implementation, check), maxRequestBytes);
      }
    },
    interceptors: [requestSpans(context.tracer), requestMetrics(context.metrics), letIn(auth.authenticator)],
  });
  const port = { host, port: options.listen?.port ?? 0, ...(secure && { secure }), ...(options.limits && { limits: options.limits }) };
  // Without tokens the name that a request is addressed to is all that keeps pages in a browser out, wherever we listen: what a container
  // publishes on the loopback interface of its machine comes in from outside.
  const guarded = auth.mode === 'single-user' ? '127.0.0.1' : host;
  const server = await listenOnOnePort(port, hostCheck(guarded, listener)).catch((error: unknown) => {
    auth.stop();
    throw error;
  });
  const load = () => ({ ...server.load(), heldBytes: held.held });
  const unobserve = observePort(context.metrics, load);
  const unwatch = options.tls && watchTls(options.tls, { log, clock, use: (renewed) => server.useCertificate(renewed) });
  const url = `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${server.address.port}`;
  log.info({ url, auth: auth.mode }, 'gateway listens');

  let stopping: Promise<void> | undefined;
  return {
    name: 'frontend-gateway',
    host,
    port: server.address.port,
    url,
    load,
    notReady: () => Promise.resolve(stopping ? 'stopping' : auth.notReady()),
    stop: () => {
      draining.abort();
      auth.stop();
      unwatch?.();
      unobserve();
      stopping ??= server.stop(drainMs);
      return stopping;
    },
  };
}

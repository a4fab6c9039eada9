/** What the gateway measures: how long requests take and how they end, and what the port is busy with. */
import { ConnectError, type Interceptor, type StreamResponse } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { metric, type Metrics } from '@verbena/service-kit';
import type { Load } from './one-port.ts';

const openStreams = new WeakMap<Metrics, { count: number }>();

/** Counts a request that was refused before anything of it was read, and so never came to the interceptors. */
export function countRefusal(metrics: Metrics, { service, method }: Pick<UniversalHandler, 'service' | 'method'>, error: unknown): void {
  const code = codeToString(ConnectError.from(error).code);
  metrics.record(metric.requestSeconds, { service: service.typeName, method: method.name, code }, 0);
}

/** An interceptor around every request that was let in. */
export function requestMetrics(metrics: Metrics): Interceptor {
  const streams = { count: 0 };
  openStreams.set(metrics, streams);
  return (next) => async (request) => {
    const started = performance.now();
    const { service, method } = request;
    const done = (error?: unknown): void => {
      const code = error === undefined ? 'ok' : codeToString(ConnectError.from(error).code);
      metrics.record(
        metric.requestSeconds,
        { service: service.typeName, method: method.name, code },
        (performance.now() - started) / 1_000,
      );
    };
    try {
      const response = await next(request);
      if (!response.stream) {
        done();
        return response;
      }
      return { ...response, message: counted(response.message, streams, done) };
    } catch (error) {
      done(error);
      throw error;
    }
  };
}

/** Counts a stream for as long as somebody reads it. */
async function* counted(
  messages: StreamResponse['message'],
  streams: { count: number },
  done: (error?: unknown) => void,
): StreamResponse['message'] {
  streams.count++;
  let failure: unknown;
  try {
    yield* messages;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    streams.count--;
    done(failure);
  }
}

/** Shows what a port is busy with. @returns a function that ends it */
export function observePort(metrics: Metrics, load: () => Load & { readonly heldBytes: number }): () => void {
  const observed = [
    metrics.observe(metric.gatewayConnections, () => [[{}, load().connections]]),
    metrics.observe(metric.gatewayHeldBytes, () => [[{}, load().heldBytes]]),
    metrics.observe(metric.gatewayStreams, () => [[{}, openStreams.get(metrics)?.count ?? 0]]),
    metrics.observe(metric.gatewayTurnedAway, () => [
      [{ reason: 'connections' }, load().refused],
      [{ reason: 'stalled' }, load().dropped],
    ]),
  ];
  return () => observed.forEach((end) => end());
}

/**
 * What a supervisor and a monitor ask of a process, over HTTP on a port of its own:
 *   /healthz  200 as long as the process answers at all
 *   /readyz   200 when it can serve, else 503; JSON with the reasons
 *   /metrics  OpenMetrics text, where the process counts anything
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readiness } from './readiness.ts';
import type { ListenAddress } from './variables.ts';

export interface HealthServer {
  /** "http://127.0.0.1:8080" */
  readonly url: string;
  stop(): Promise<void>;
}

export interface HealthServerOptions {
  readonly service: string;
  readonly listen: ListenAddress;
  readonly readiness: Readiness;
  /** The process's metrics as text, and the media type of that text. */
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** @throws {Error} when the port is taken. */
export async function serveHealth({ service, listen, readiness, metrics }: HealthServerOptions): Promise<HealthServer> {
  const pages: Record<string, (response: ServerResponse) => Promise<void> | void> = {
    '/healthz': (response) => json(response, 200, { service, alive: true }),
    '/readyz': async (response) => {
      const reasons = await readiness.reasons();
      json(response, reasons.length === 0 ? 200 : 503, { service, ready: reasons.length === 0, reasons });
    },
  };
  if (metrics !== undefined)
    pages['/metrics'] = async (response) => {
      const { contentType, body } = await metrics();
      response.writeHead(200, { 'content-type': contentType }).end(body);
    };
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 2_000 }, (request, response) => {
    const page = pages[(request.url ?? '/').split('?')[0] ?? '/'];
    if (request.method !== 'GET' && request.method !== 'HEAD') return json(response, 405, { error: 'only GET and HEAD' });
    if (page === undefined) return json(response, 404, { error: `there is ${Object.keys(pages).join(', ')}` });
    Promise.resolve(page(response)).catch((error: unknown) => json(response, 500, { error: String(error) }));
  });
  server.maxConnections = 64;
  const host = listen.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new Error(`the health endpoint cannot listen on ${host}:${String(listen.port)}`, { cause })));
    server.listen(listen.port, host, () => resolve());
  });
  // Whoever only asks how we are keeps nothing alive.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function json(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(`${JSON.stringify(body)}\n`);
}

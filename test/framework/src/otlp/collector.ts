/**
 * A collector for tests: OTLP over HTTP, protobuf and JSON, at `/v1/traces`, and OTLP over gRPC on a port of its own. It keeps what it received, and
 * answers as the specification asks; what it cannot decode is an error that the test sees.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Server as GrpcServer, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { otlpTraceDefinitions, type OtlpDefinitions } from './definitions.ts';
import { spansOf, type CollectedSpan, type ExportRequest } from './span.ts';

const asPlain = { longs: String, enums: String, defaults: false } as const;
const grpcPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export class OtlpCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  /** host:port */
  readonly grpcAddress: string;
  readonly spans: CollectedSpan[] = [];
  /** What could not be decoded, or came to the wrong place. */
  readonly problems: string[] = [];
  readonly #http: Server;
  readonly #grpc: GrpcServer;

  private constructor(http: Server, grpc: GrpcServer, grpcPort: number) {
    this.#http = http;
    this.#grpc = grpc;
    this.endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.grpcAddress = `127.0.0.1:${grpcPort}`;
  }

  /** @param host the address to listen on; loopback unless something in a container has to reach it */
  static async start(host = '127.0.0.1'): Promise<OtlpCollector> {
    const definitions = await otlpTraceDefinitions();
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, host, resolve));
    const grpc = new GrpcServer();
    const grpcPort = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
    );
    const collector = new OtlpCollector(http, grpc, grpcPort);
    http.on('request', (request, response) => void collector.#receive(definitions, request, response));
    collector.#serveGrpc(definitions);
    return collector;
  }

  /** The spans of one trace. */
  trace(traceId: string): readonly CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** Resolves when `found` gives something; fails after the time. */
  async until<T>(what: string, found: () => T | undefined, ms = 20_000): Promise<T> {
    for (const deadline = performance.now() + ms; performance.now() < deadline;) {
      const value = found();
      if (value !== undefined) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the collector was never told ${what}; it has ${this.spans.length} spans`);
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
    this.#grpc.forceShutdown();
  }

  async #receive(definitions: OtlpDefinitions, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(Buffer.concat(parts)) : Buffer.concat(parts);
    const type = request.headers['content-type'] ?? '';
    try {
      if (request.method !== 'POST' || request.url !== '/v1/traces') throw new Error(`${request.method} ${request.url}`);
      const json = type.startsWith('application/json');
      if (!json && type !== 'application/x-protobuf') throw new Error(`content-type ${type}`);
      this.#take(
        definitions,
        json ? definitions.request.fromObject(idsAsBytes(JSON.parse(body.toString()))) : definitions.request.decode(body),
      );
      response.writeHead(200, { 'content-type': type }).end(json ? '{}' : definitions.response.encode({}).finish());
    } catch (error) {
      this.problems.push(String(error));
      response.writeHead(400).end();
    }
  }

  #take({ request }: OtlpDefinitions, message: Parameters<OtlpDefinitions['request']['toObject']>[0]): void {
    const wrong = request.verify(message);
    if (wrong !== null) throw new Error(wrong);
    this.spans.push(...spansOf(request.toObject(message, asPlain) as ExportRequest));
  }

  #serveGrpc(definitions: OtlpDefinitions): void {
    const { request, response } = definitions;
    const handler: handleUnaryCall<Parameters<typeof request.toObject>[0], object> = ({ request: message }, callback) => {
      this.#take(definitions, message);
      callback(null, {});
    };
    const definition = {
      path: grpcPath,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: object) => Buffer.from(request.encode(message).finish()),
      requestDeserialize: (bytes: Buffer) => request.decode(bytes),
      responseSerialize: (message: object) => Buffer.from(response.encode(message).finish()),
      responseDeserialize: (bytes: Buffer) => response.decode(bytes),
    };
    this.#grpc.addService({ export: definition }, { export: handler });
  }
}

/** OTLP's JSON writes ids in hexadecimal, where protobuf's own JSON has base64 (OTLP specification, "JSON Protobuf Encoding"). */
function idsAsBytes(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value), (key, found: unknown) =>
    /^(traceId|spanId|parentSpanId)$/.test(key) && typeof found === 'string' ? Buffer.from(found, 'hex').toString('base64') : found,
  ) as Record<string, unknown>;
}

/**
 * OTLP by its official definitions: the .proto files of opentelemetry-proto, which OpenTelemetry's gRPC exporter carried as files. They are read by
 * protobufjs, so that nothing of what decodes here has a part in what encodes there.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const protos = join(dirname(require.resolve('@opentelemetry/otlp-grpc-exporter-base/package.json')), 'build/protos');

export interface OtlpDefinitions {
  readonly request: protobuf.Type;
  readonly response: protobuf.Type;
}

export async function otlpTraceDefinitions(): Promise<OtlpDefinitions> {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(protos, target);
  await root.load('opentelemetry/proto/collector/trace/v1/trace_service.proto', { keepCase: false });
  const type = (name: string): protobuf.Type => root.lookupType(`opentelemetry.proto.collector.trace.v1.${name}`);
  return { request: type('ExportTraceServiceRequest'), response: type('ExportTraceServiceResponse') };
}

/** The logger of a process: JSON for machines, one line a record for people at a terminal, the active trace in each record. */
import { trace } from '@opentelemetry/api';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { prettyLine } from './pretty.ts';

export interface LoggerOptions {
  readonly name: string;
  readonly level?: string;
  /** Where to; standard error by default, because standard output belongs to the program's results. */
  readonly destination?: DestinationStream;
  /** Lines for people; by default when standard error is a terminal. */
  readonly pretty?: boolean;
}

/** Fields whose values are never written, wherever they come from; also one level down. */
const secrets = [
  'password',
  'databaseUrl',
  'authorization',
  'token',
  'secret',
  'seed',
  'DATABASE_URL',
  'VERBENA_NATS_PASSWORD',
  'VERBENA_FABRIC_SECRET',
];

export function createLogger({ name, level = 'info', destination, pretty }: LoggerOptions): Logger {
  const sink = destination ?? pino.destination({ dest: 2, sync: true });
  const forPeople = pretty ?? (destination === undefined && process.stderr.isTTY === true);
  const stream: DestinationStream = forPeople ? { write: (line) => void sink.write(`${prettyLine(line)}\n`) } : sink;
  return pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.epochTime,
      base: { name },
      mixin: activeTrace,
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]) },
    },
    stream,
  );
}

/** Field names of OpenTelemetry's log data model. */
function activeTrace(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

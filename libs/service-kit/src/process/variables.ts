/** The environment of a service process, declared once. Each variable can also be given as a file: NAME_FILE holds its value. */
import { z } from 'zod';

export interface ListenAddress {
  /** Absent: the loopback interface. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
}

const listenPattern = /^(?:(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):)?(\d{1,5})$/;

/** "7070", "127.0.0.1:7070", "[::]:7070", ":0"; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = listenPattern.exec(text);
  const port = Number(match?.[2] ?? Number.NaN);
  if (match === null || !(port <= 65_535)) return undefined;
  const host = match[1]?.replace(/^\[|\]$/g, '');
  return host ? { host, port } : { port };
}

export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const address = parseListenAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: 'custom', message: 'a port or host:port is wanted, such as 127.0.0.1:7070' });
  return z.NEVER;
});

const binaryUnits: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** "512M", "1.5GiB", "1073741824": bytes. */
export const byteSize = z.string().transform((text, context): number => {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = Math.floor(Number(match?.[1]) * (binaryUnits[(match?.[2] ?? '').toUpperCase()] ?? Number.NaN));
  if (match !== null && Number.isSafeInteger(bytes)) return bytes;
  context.addIssue({ code: 'custom', message: 'a size is wanted, such as 512M or 4GiB' });
  return z.NEVER;
});

export const wholeNumber = (least: number, most: number) =>
  z.string().regex(/^\d+$/, 'a whole number is wanted').transform(Number).pipe(z.number().min(least).max(most));

/** What every service process understands. */
export const serviceVariables = z.object({
  VERBENA_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  VERBENA_NATS_URL: z.string().regex(/^(nats|tls|ws|wss):\/\/\S+$/, 'a NATS server is wanted, such as nats://127.0.0.1:4222'),
  VERBENA_NATS_USER: z.string().optional(),
  VERBENA_NATS_PASSWORD: z.string().optional(),
  VERBENA_DATA_DIR: z.string(),
  VERBENA_HEALTH_LISTEN: listenAddress.optional(),
  /** Seconds that what is under way may take when the process has been told to stop. */
  VERBENA_DRAIN_SECONDS: wholeNumber(0, 3_600).default(30),
});
export type ServiceVariables = z.output<typeof serviceVariables>;

/** Of the services that read and write the event log themselves. */
export const databaseVariables = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'a Postgres database is wanted, such as postgresql://user:password@host:5432/verbena'),
});

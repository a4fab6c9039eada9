/** A connection to a cluster: clients of its public services, calls that carry who asks and the trace of the command. */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import type { DescService } from '@bufbuild/protobuf';
import { createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { isAlive, readEndpoint } from './endpoint-file.ts';

export interface Session {
  readonly url: string;
  /** The trace that everything this command asks for belongs to: 32 hexadecimal digits. */
  readonly traceId: string;
  client<S extends DescService>(service: S): Client<S>;
}

/** The name under which this user's doings are recorded. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** A session with the cluster at a URL; nothing is sent until a call is made. */
export function openSession(url: string, traceparent?: string): Session {
  const parent = traceparent ?? `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
  const identify: Interceptor = (next) => (request) => {
    request.header.set('verbena-user', userName());
    request.header.set('traceparent', parent);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [identify] });
  return { url, traceId: parent.slice(3, 35), client: (service) => createClient(service, transport) };
}

/** "localhost:7070" and "http://localhost:7070/" as a base URL. */
export function endpointUrl(text: string): string {
  const withScheme = /^[a-z]+:\/\//.test(text) ? text : `http://${text}`;
  try {
    const url = new URL(withScheme);
    if (url.protocol === 'http:' || url.protocol === 'https:') return url.origin;
  } catch {
    // Said below.
  }
  throw new CliError(`"${text}" is not an endpoint; one looks like http://127.0.0.1:7070`, exitCodes.usage);
}

export interface Where {
  /** An endpoint that was named by option or variable. */
  readonly endpoint?: string | undefined;
  readonly dataDir: string;
}

/** The URL of the running cluster, or undefined when none runs on the data directory. */
export async function findCluster({ endpoint, dataDir }: Where): Promise<string | undefined> {
  if (endpoint) return endpointUrl(endpoint);
  const found = await readEndpoint(dataDir);
  return found && (await isAlive(found)) ? found.url : undefined;
}

/** A session with the running cluster. @throws {CliError} with code 3 when there is none, saying how to get one. */
export async function connectToCluster(where: Where): Promise<Session> {
  const url = await findCluster(where);
  if (url !== undefined) return openSession(url);
  const stale = await readEndpoint(where.dataDir);
  const what = stale
    ? `the cluster of ${where.dataDir} (process ${stale.pid}) ended without being stopped; "verbena up -d" brings it back with all its jobs`
    : `no cluster is up for ${where.dataDir}; start one with "verbena up -d", or name one with --endpoint`;
  throw new CliError(what, exitCodes.unreachable);
}

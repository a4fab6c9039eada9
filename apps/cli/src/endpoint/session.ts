/** A connection to a cluster: clients of its public services, calls that carry who asks and the trace of the command. */
import { userInfo } from 'node:os';
import { rootCertificates } from 'node:tls';
import type { DescService } from '@bufbuild/protobuf';
import { createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readEndpoint } from './endpoint-file.ts';
import { findCluster, type Target, type Where } from './target.ts';

export interface Session {
  readonly url: string;
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

/** A session with a cluster; nothing is sent until a call is made. */
export function openSession({ url, token, authority }: Target, traceparent?: string): Session {
  const identify: Interceptor = (next) => (request) => {
    request.header.set('verbena-user', userName());
    if (traceparent !== undefined) request.header.set('traceparent', traceparent);
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  // Given authorities stand beside those that the system trusts.
  const nodeOptions = authority === undefined ? {} : { ca: [...rootCertificates, authority] };
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [identify], nodeOptions });
  return { url, client: (service) => createClient(service, transport) };
}

/** A session with the running cluster. @throws {CliError} with code 3 when there is none, saying how to get one. */
export async function connectToCluster(where: Where, traceparent?: string): Promise<Session> {
  const target = await findCluster(where);
  if (target !== undefined) return openSession(target, traceparent);
  const stale = await readEndpoint(where.dataDir);
  const what = stale
    ? `the cluster of ${where.dataDir} (process ${stale.pid}) ended without being stopped; "verbena up -d" brings it back with all its jobs`
    : `no cluster is up for ${where.dataDir}; start one with "verbena up -d", or name one with --endpoint`;
  throw new CliError(what, exitCodes.unreachable);
}

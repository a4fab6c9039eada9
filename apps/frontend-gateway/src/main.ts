/** A process of its own for the gateway. It holds no credentials of the database. */
import { listenAddress, runService, version } from '@verbena/service-kit';
import { z } from 'zod';
import { authModes } from './bootstrap.ts';
import { startGateway } from './gateway.ts';
import { partsOnBus } from './parts.ts';
import { tlsFiles } from './tls.ts';

const variables = z.object({
  VERBENA_DATA_DIR: z.string(),
  /** Where clients reach the gateway. */
  VERBENA_LISTEN: listenAddress.default({ host: '127.0.0.1', port: 7070 }),
  /** How callers are told apart: a single user on loopback, API tokens elsewhere, unless this says. */
  VERBENA_AUTH: z.enum(authModes).optional(),
  /** Becomes the token of the first admin. */
  VERBENA_BOOTSTRAP_TOKEN: z.string().optional(),
  /** Most requests a second of one token, on the long run; no bound unless given. */
  VERBENA_REQUESTS_PER_SECOND: z.coerce.number().positive().optional(),
  /** PEM files: TLS is spoken when the certificate and its key are given, and clients must show certificates of the authorities when those are. */
  VERBENA_TLS_CERTIFICATE: z.string().optional(),
  VERBENA_TLS_KEY: z.string().optional(),
  VERBENA_TLS_CLIENT_AUTHORITIES: z.string().optional(),
});

process.exit(
  await runService({
    name: 'frontend-gateway',
    variables,
    start: async (context, config) => {
      const parts = partsOnBus(context.bus);
      const { VERBENA_AUTH: mode, VERBENA_BOOTSTRAP_TOKEN: bootstrapSecret } = config;
      const tls = tlsFiles(config.VERBENA_TLS_CERTIFICATE, config.VERBENA_TLS_KEY, config.VERBENA_TLS_CLIENT_AUTHORITIES);
      const gateway = await startGateway(context, {
        ...(tls && { tls }),
        ...(config.VERBENA_REQUESTS_PER_SECOND !== undefined && { requestsPerSecond: config.VERBENA_REQUESTS_PER_SECOND }),
        listen: config.VERBENA_LISTEN,
        facts: { version, startedAt: context.clock.now(), dataDirectory: config.VERBENA_DATA_DIR, services: () => parts },
        auth: { ...(mode !== undefined && { mode }), ...(bootstrapSecret !== undefined && { bootstrapSecret }) },
      });
      context.announce('url', gateway.url);
      return gateway;
    },
  }),
);

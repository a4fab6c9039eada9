/** Which processes a cluster has, and what each is told: the table from which the launcher starts them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { databaseServices } from '@verbena/service-kit';

export type ServiceName = (typeof databaseServices)[number] | 'frontend-gateway' | 'node-agent';

const withDatabase: ReadonlySet<string> = new Set(databaseServices);

/** Main files, resolved here so that a bundle finds them, too. */
const mains: Readonly<Record<ServiceName, () => string>> = {
  storage: () => import.meta.resolve('@verbena/storage/main'),
  'image-manager': () => import.meta.resolve('@verbena/image-manager/main'),
  'migration-controller': () => import.meta.resolve('@verbena/migration-controller/main'),
  scheduler: () => import.meta.resolve('@verbena/scheduler/main'),
  'frontend-gateway': () => import.meta.resolve('@verbena/frontend-gateway/main'),
  'node-agent': () => import.meta.resolve('@verbena/node-agent/main'),
};

/**
 * The arguments with which Node runs a service.
 * @param bundle a directory with the services bundled, which start faster than from source
 */
export function programOf(service: ServiceName, bundle?: string): string[] {
  if (bundle !== undefined) return [join(bundle, `${service}.js`)];
  return ['--conditions=verbena-source', '--disable-warning=ExperimentalWarning', fileURLToPath(mains[service]())];
}

export interface Surroundings {
  readonly natsUrl: string;
  readonly credentials: { readonly user: string; readonly password: string };
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly logLevel: string;
  /** A directory in which Node keeps what it has compiled. */
  readonly compileCache: string;
}

const ours = /^(DATABASE_URL|VERBENA_(?!SANDBOX$|LOG_LEVEL$).*|NODE_CHANNEL_.*|NODE_OPTIONS|VITEST.*)$/;

/** The environment of one service process: ours without what concerns other processes, and what this one needs. */
export function environmentOf(service: ServiceName, given: Surroundings, own: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  return {
    // What Node has compiled once, it need not compile again in each process and at each restart.
    NODE_COMPILE_CACHE: given.compileCache,
    ...inherited,
    VERBENA_NATS_URL: given.natsUrl,
    VERBENA_NATS_USER: given.credentials.user,
    VERBENA_NATS_PASSWORD: given.credentials.password,
    VERBENA_DATA_DIR: given.dataDir,
    VERBENA_HEALTH_LISTEN: '127.0.0.1:0',
    VERBENA_LOG_LEVEL: given.logLevel,
    ...(withDatabase.has(service) && { DATABASE_URL: given.databaseUrl }),
    ...own,
  };
}

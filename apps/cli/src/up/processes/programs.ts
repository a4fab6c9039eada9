/** Which processes a cluster has, and what each is told: the table from which the launcher starts them. */
import { fileURLToPath } from 'node:url';

export const controlServices = ['storage', 'image-manager', 'migration-controller', 'scheduler'] as const;
export type ServiceName = (typeof controlServices)[number] | 'frontend-gateway' | 'node-agent';

/** Those that hold credentials of the database. */
const withDatabase: ReadonlySet<string> = new Set(controlServices);

/** Main files, resolved here so that a bundle finds them, too. */
const mains: Readonly<Record<ServiceName, () => string>> = {
  storage: () => import.meta.resolve('@verbena/storage/main'),
  'image-manager': () => import.meta.resolve('@verbena/image-manager/main'),
  'migration-controller': () => import.meta.resolve('@verbena/migration-controller/main'),
  scheduler: () => import.meta.resolve('@verbena/scheduler/main'),
  'frontend-gateway': () => import.meta.resolve('@verbena/frontend-gateway/main'),
  'node-agent': () => import.meta.resolve('@verbena/node-agent/main'),
};

/** The arguments with which Node runs a service. */
export function programOf(service: ServiceName): string[] {
  return ['--conditions=verbena-source', '--disable-warning=ExperimentalWarning', fileURLToPath(mains[service]())];
}

export interface Surroundings {
  readonly natsUrl: string;
  readonly credentials: { readonly user: string; readonly password: string };
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly logLevel: string;
}

const ours = /^(DATABASE_URL|VERBENA_(?!SANDBOX$|LOG_LEVEL$).*|NODE_CHANNEL_.*|NODE_OPTIONS|VITEST.*)$/;

/** The environment of one service process: ours without what concerns other processes, and what this one needs. */
export function environmentOf(service: ServiceName, given: Surroundings, own: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  return {
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

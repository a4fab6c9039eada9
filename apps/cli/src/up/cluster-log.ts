/** The log of the process that holds a cluster: of all its services, or of what it does for theirs. */
import { createLogger, LogFile } from '@verbena/service-kit';
import type { Logger } from 'pino';

/** @param file a path, of JSON lines; standard error when absent */
export function clusterLog(level: string, file: string | undefined): Logger {
  if (file === undefined) return createLogger({ name: 'verbena', level });
  return createLogger({ name: 'verbena', level, destination: new LogFile(file), pretty: false });
}

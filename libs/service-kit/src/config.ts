/** Configuration from the environment: the one place that reads it. A service declares what it needs as a zod schema of variables. */
import { z } from 'zod';
import { listenAddress } from './process/variables.ts';

/** One or several variables are missing or wrong; the message has a line for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads and checks variables. An empty variable counts as unset, because that is how a shell unsets one for a single command.
 * @throws {ConfigError} naming each variable that is wrong, and why; values are not shown, because they may be secrets.
 */
export function configFromEnvironment<S extends z.ZodType>(schema: S, environment: NodeJS.ProcessEnv = process.env): z.output<S> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || 'environment'}: ${inWords(message)}`);
  throw new ConfigError(`the configuration in the environment is wrong:\n${lines.join('\n')}`, { cause: parsed.error });
}

/** zod's words for a variable that is not there are those of a programmer. */
function inWords(message: string): string {
  return /received undefined$/.test(message) ? 'is not set' : message;
}

/** What every process of Verbena understands. */
export const processVariables = z.object({
  VERBENA_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.url().optional(),
  DATABASE_URL: z.string().optional(),
  VERBENA_HEALTH_LISTEN: listenAddress.optional(),
});
export type ProcessVariables = z.output<typeof processVariables>;

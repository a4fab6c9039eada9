/** Reads a process's variables, directly or from the files that NAME_FILE names: so secrets are mounted, and not part of an environment. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { ConfigError, configFromEnvironment } from '../config.ts';

/**
 * @throws {ConfigError} with a line for each variable that is missing, wrong, given twice, or in a file that cannot be read. Values are not
 *   shown, because they may be secrets.
 */
export function serviceConfiguration<S extends z.ZodObject>(schema: S, environment: NodeJS.ProcessEnv = process.env): z.output<S> {
  const problems: string[] = [];
  const given = { ...environment };
  for (const name of Object.keys(schema.shape)) {
    const file = environment[`${name}_FILE`];
    if (file === undefined || file === '') continue;
    if (environment[name]) problems.push(`  ${name}: it is given, and ${name}_FILE as well: only one of them may be`);
    try {
      given[name] = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
      if (given[name] === '') problems.push(`  ${name}_FILE: ${file} is empty`);
    } catch (error) {
      problems.push(`  ${name}_FILE: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
    }
  }
  if (problems.length > 0) throw new ConfigError(`the configuration in the environment is wrong:\n${problems.join('\n')}`);
  return configFromEnvironment(schema, given);
}

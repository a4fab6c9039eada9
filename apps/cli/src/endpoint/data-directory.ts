/** Where a cluster keeps its data, by option, variable, or the XDG base directory specification. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** An absolute path. XDG_DATA_HOME counts only when it is absolute, as the specification says. */
export function dataDirectory(option: string | undefined, env: Environment, cwd: string): string {
  const asked = option ?? env['VERBENA_DATA_DIR'];
  if (asked) return resolve(cwd, asked);
  const xdg = env['XDG_DATA_HOME'];
  const base = xdg && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.local', 'share');
  return join(base, 'verbena');
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from './errors.ts';

const DEEPEST = 8;
const MOST_ARGUMENTS = 100_000;

/** Replaces each `@file` by the arguments in that file, as gcc does: separated by white space, quoted with ' or ", escaped with \. */
export function expandResponseFiles(args: readonly string[], cwd: string, depth = 0): string[] {
  if (depth > DEEPEST) throw new UsageError('response files (@file) include each other too deeply');
  const expanded = args.flatMap((word) => {
    if (!word.startsWith('@') || word.length === 1) return [word];
    let text: string;
    try {
      text = readFileSync(resolve(cwd, word.slice(1)), 'utf8');
    } catch {
      return [word];
    }
    return expandResponseFiles(splitArguments(text), cwd, depth + 1);
  });
  if (expanded.length > MOST_ARGUMENTS)
    throw new UsageError(`more than ${String(MOST_ARGUMENTS)} arguments after expanding response files`);
  return expanded;
}

function splitArguments(text: string): string[] {
  return Array.from(text.matchAll(/(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+/g), ([word]) =>
    word.replaceAll(
      /\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'/g,
      (_all, escaped: string | undefined, double: string | undefined, single: string | undefined) =>
        escaped ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? single ?? '',
    ),
  );
}

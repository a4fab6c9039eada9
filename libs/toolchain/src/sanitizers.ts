import { UsageError } from './errors.ts';

/** The checks of -fsanitize=undefined work in guests, one by one, too; the others need a runtime of their own. */
const CHECKS =
  /^(undefined|null|alignment|bounds|array-bounds|bool|enum|builtin|float-cast-overflow|float-divide-by-zero|integer-divide-by-zero|nonnull-attribute|object-size|pointer-overflow|return|returns-nonnull-attribute|shift|shift-base|shift-exponent|signed-integer-overflow|unreachable|vla-bound)$/;

/** The driver's flags for `-fsanitize=names`. Throws UsageError for what needs a runtime that guests do not have. */
export function sanitizers(word: string): string[] {
  const refused = word
    .slice('-fsanitize='.length)
    .split(',')
    .find((name) => !CHECKS.test(name));
  if (refused !== undefined) throw new UsageError(`${word}: guests have -fsanitize=undefined and its parts, and no ${refused} sanitizer`);
  return [word, '-fno-sanitize=vptr,function', '-fno-sanitize-recover=all'];
}

/**
 * The constraints that the contracts put on requests (`buf.validate` options), evaluated. Whoever stands at a boundary asks; clients in other
 * languages can evaluate the same options with protovalidate before they send.
 */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';

export interface FieldProblem {
  /** Path of the field, for example "spec.args[3]". */
  readonly field: string;
  /** What is wrong with it, for people. */
  readonly description: string;
  /** The rule that it breaks, for programs: "string.max_bytes". */
  readonly rule: string;
}

/** What is wrong with a message: nothing, when it is as its contract says; at most 20 problems else. */
export type RequestCheck = (schema: DescMessage, message: Message) => readonly FieldProblem[];

const mostProblems = 20;

/** Loads the evaluator. It takes a while, so those who check nothing, such as the command line, never load it. */
export async function loadRequestCheck(): Promise<RequestCheck> {
  const { createValidator } = await import('@bufbuild/protovalidate');
  const validator = createValidator();
  return (schema, message) => {
    const result = validator.validate(schema, message);
    if (result.kind === 'valid') return [];
    // A rule that cannot be evaluated is a mistake in the contract, not in the request.
    if (result.kind === 'error') throw result.error;
    return result.violations.slice(0, mostProblems).map(({ field, message: description, ruleId }) => ({
      field: pathToString(field),
      description,
      rule: ruleId,
    }));
  };
}

/** Errors that end a command with a message for its user, and the one place where errors of the cluster become exit codes. */
import { Code, ConnectError } from '@connectrpc/connect';
import { exitCodes } from './exit-codes.ts';

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  /** @param message what was wrong, where, and what to do; without "error:" and without the name of the command. */
  constructor(message: string, exitCode: number = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export const usageError = (message: string): CliError => new CliError(message, exitCodes.usage);

/** Ends a command with an exit code and no word more, because everything has been said. */
export class SilentExit extends CliError {
  constructor(exitCode: number) {
    super('', exitCode);
  }
}

const exitCodeOf: Partial<Record<Code, number>> = {
  [Code.Unauthenticated]: exitCodes.denied,
  [Code.PermissionDenied]: exitCodes.denied,
  [Code.NotFound]: exitCodes.notFound,
  [Code.InvalidArgument]: exitCodes.usage,
  [Code.Unavailable]: exitCodes.unreachable,
  [Code.DeadlineExceeded]: exitCodes.unreachable,
  [Code.Canceled]: exitCodes.interrupted,
};

/** The error as the user shall see it. What is none of ours keeps its stack, in `cause`. */
export function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (isBrokenPipe(error)) return new SilentExit(exitCodes.brokenPipe);
  if (error instanceof ConnectError) {
    const refused = connectionProblem(error);
    if (refused)
      return new CliError(`no cluster answers (${refused}); is it up? Start one with "verbena up -d"`, exitCodes.unreachable, {
        cause: error,
      });
    const distrusted = certificateProblem(error);
    if (distrusted) return new CliError(distrusted, exitCodes.unreachable, { cause: error });
    return new CliError(error.rawMessage + adviceOn(error.code), exitCodeOf[error.code] ?? exitCodes.failed, { cause: error });
  }
  if (error instanceof Error) return new CliError(error.message, exitCodes.failed, { cause: error });
  return new CliError(String(error));
}

function adviceOn(code: Code): string {
  return code === Code.Unauthenticated ? '; give a token with --token-file, VERBENA_TOKEN or "verbena context add"' : '';
}

/** What is wrong with the cluster's certificate, when that is why nobody speaks to it. */
function certificateProblem(error: ConnectError): string | undefined {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|ALTNAME/.test(code))
      return `the cluster's certificate is not to be trusted (${code}); name its authority with --ca`;
  }
  return undefined;
}

/** Why the connection failed, when it did: the system's code, for example ECONNREFUSED. */
export function connectionProblem(error: unknown): string | undefined {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE)/.test(code) && syscall !== 'write') return code;
  }
  return undefined;
}

function isBrokenPipe(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'EPIPE' && syscall === 'write';
}

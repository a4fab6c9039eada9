/** The toolchain could not do its work, for a reason that is not in the user's program. */
export class ToolchainError extends Error {
  override readonly name = 'ToolchainError';
}

/** The command line asks for what cannot be done; the message is for the user, without the name of the command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

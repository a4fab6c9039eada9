/** Waits for all, then throws the first error: nothing is still under way when it is handled. */
export async function allOrFirstError(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Waits for all, also for those that are added meanwhile. */
export async function allOf(promises: readonly Promise<unknown>[]): Promise<void> {
  for (let seen = -1; seen !== promises.length;) {
    seen = promises.length;
    await Promise.all(promises);
  }
}

/** What keeps the log from being read or written, in words that every store shares; conflicts are results and no errors. */

export type EventStoreProblem =
  /** The database cannot be reached, or is going or coming. */
  | 'unavailable'
  /** The database's disk is full. */
  | 'no-space'
  /** More appends wait than are taken on. */
  | 'overloaded'
  | 'closed'
  | 'failed';

export interface EventStoreErrorOptions extends ErrorOptions {
  /** Whether what was asked may have been written although it failed; false when it surely was not, and for reads. */
  readonly mayHaveCommitted?: boolean;
}

export class EventStoreError extends Error {
  override readonly name: string = 'EventStoreError';
  readonly problem: EventStoreProblem;
  readonly mayHaveCommitted: boolean;

  constructor(problem: EventStoreProblem, message: string, options: EventStoreErrorOptions = {}) {
    super(message, options);
    this.problem = problem;
    this.mayHaveCommitted = options.mayHaveCommitted ?? false;
  }
}

/**
 * One leader of several replicas, and the fence that makes it safe.
 *
 * A lock says who may lead, so that two do not work against each other; it cannot say it to one that was paused while its lock went to another.
 * What decides is the log: each leader begins a term with an event under a higher epoch than all before, on the stream "leader-<role>", and every
 * append of a leader names that stream. Once the next term has begun, the log refuses them all.
 */
import type { AppendOptions, AppendResult, EventStore, StreamAppend } from './event-store.ts';

export interface Leadership {
  /** From 1; higher than that of every leader of the role before. */
  readonly term: number;
  /** Aborts when the lead is lost, or given up. */
  readonly lost: AbortSignal;
  /** Somebody else leads by now: what was found out by whoever was refused. */
  depose(reason: string): void;
  /** Gives the lead up, so that the next need not wait. */
  resign(): Promise<void>;
}

export interface LeaderElection {
  /**
   * Resolves when the candidate leads. `standsBy` is called when another does at the moment.
   * @throws the signal's reason, or what keeps the lock or the log from being reached
   */
  campaign(role: string, candidate: string, signal: AbortSignal, standsBy?: () => void): Promise<Leadership>;
}

export function leaderStream(role: string): string {
  return `leader-${role}`;
}

/** Begins a term: from here on the log refuses what earlier leaders append. */
export async function beginTerm(store: EventStore, role: string, candidate: string): Promise<number> {
  const stream = leaderStream(role);
  for (;;) {
    const events = await store.readStream(stream);
    const term = Math.max(0, ...events.map(({ metadata }) => metadata.epoch ?? 0)) + 1;
    const append = { stream, expectedVersion: events.length, events: [{ type: 'LeaderElected', data: { candidate, term } }] };
    const result = await store.append([append], { metadata: { actor: candidate, tenant: 'default', epoch: term } });
    if (result.ok) return term;
  }
}

/** A leadership whose lock, if it has one, is given back by `release`. */
export function leadership(term: number, release: () => Promise<void>): Leadership {
  const lost = new AbortController();
  const depose = (reason: string): void => lost.abort(new Error(reason));
  return {
    term,
    lost: lost.signal,
    depose,
    resign: () => {
      depose('the lead was given up');
      return release();
    },
  };
}

/** Within one process: candidates for a role lead one after another. Without a second candidate, each start still begins a term of its own. */
export function createMemoryElection(store: EventStore): LeaderElection {
  const tails = new Map<string, Promise<void>>();
  const held = new Set<string>();
  return {
    async campaign(role, candidate, signal, standsBy) {
      if (held.has(role)) standsBy?.();
      const before = tails.get(role) ?? Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      tails.set(
        role,
        before.then(() => promise),
      );
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      );
      const release = (): void => {
        held.delete(role);
        resolve();
      };
      try {
        signal.throwIfAborted();
        await Promise.race([before, aborted]);
      } catch (error) {
        resolve();
        throw error;
      }
      held.add(role);
      try {
        const lead = leadership(await beginTerm(store, role, candidate), () => Promise.resolve(release()));
        lead.lost.addEventListener('abort', release, { once: true });
        return lead;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

/** The store as a leader writes to it: every append under its term, and refused as 'stale-epoch' once that is over. */
export function fencedStore(store: EventStore, role: string, lead: Leadership): EventStore {
  const guard: StreamAppend = { stream: leaderStream(role), expectedVersion: 'any', events: [] };
  const { term } = lead;
  return {
    async append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> {
      const result = await store.append([guard, ...appends], { ...options, metadata: { ...options.metadata, epoch: term } });
      if (!result.ok && result.reason === 'stale-epoch' && result.stream === guard.stream)
        lead.depose(`term ${term} of the ${role} is over: term ${result.current} has begun`);
      return result;
    },
    findCommand: (commandId) => store.findCommand(commandId),
    readStream: (stream, fromVersion) => store.readStream(stream, fromVersion),
    readAll: (options) => store.readAll(options),
    follow: (options) => store.follow(options),
    head: () => store.head(),
    kept: (model) => store.kept(model),
    close: () => store.close(),
  };
}

/**
 * A service of which one replica leads, and others stand by:
 *
 *   candidate --the lock is free--> leads (the service runs) --the lead is lost--> candidate
 *       \--another leads--> stands by (ready to take over) --the other is gone--> leads
 */
import type { LeaderElection, Leadership } from '@verbena/event-sourcing';
import type { RunningService, ServiceContext } from './service.ts';

export interface ReplicaOptions {
  /** For example "scheduler". */
  readonly role: string;
  /** Tells this replica from others in the log. */
  readonly candidate: string;
  readonly election: LeaderElection;
  /** Starts the service that leads; it is stopped when the lead is lost. */
  readonly start: (lead: Leadership) => Promise<RunningService>;
}

const pauseMs = 500;

/** Resolves at once; whether it can serve, or take over, `notReady` tells. */
export function startReplica(context: Pick<ServiceContext, 'clock' | 'log'>, options: ReplicaOptions): RunningService {
  const { clock, log } = context;
  const { role, candidate, election, start } = options;
  const stopping = new AbortController();
  let problem: string | undefined = 'has not asked for the lead yet';
  let service: RunningService | undefined;

  async function lead(): Promise<void> {
    const won = await election.campaign(role, candidate, stopping.signal, () => {
      problem = undefined;
      log.info({ role }, 'another replica leads: standing by');
    });
    try {
      problem = 'leads, and is starting';
      service = await start(won);
      problem = undefined;
      log.info({ role, term: won.term }, `this replica leads the ${role}`);
      await aborted(AbortSignal.any([won.lost, stopping.signal]));
      if (!stopping.signal.aborted) log.warn({ role, term: won.term, why: (won.lost.reason as Error).message }, 'the lead is lost');
    } finally {
      const stopped = service;
      service = undefined;
      await stopped?.stop().catch((err: unknown) => log.error({ err }, 'the service that led did not stop in order'));
      await won.resign();
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await lead();
      } catch (error) {
        if (stopping.signal.aborted) return;
        problem = `cannot lead: ${error instanceof Error ? error.message : String(error)}`;
        log.warn({ err: error, role }, 'the lead could not be taken, and is asked for again');
      }
      await clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
    }
  }

  const done = run();
  return {
    name: role,
    notReady: () => (service === undefined ? Promise.resolve(problem) : service.notReady()),
    async stop() {
      stopping.abort(new Error(`the ${role} stops`));
      await done;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

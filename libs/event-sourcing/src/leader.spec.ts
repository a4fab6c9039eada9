import { createMemoryElection } from './leader.ts';
import { createMemoryEventStore } from './memory-store.ts';
import { electionContract } from './testing/election-contract.ts';
import type { Leadership, LeaderElection } from './leader.ts';

electionContract('An election in memory', () => {
  const store = createMemoryEventStore();
  const election = createMemoryElection(store);
  const leads: [Leadership[], Leadership[]] = [[], []];
  const candidate = (index: 0 | 1): LeaderElection => ({
    campaign: async (...args) => {
      const lead = await election.campaign(...args);
      leads[index].push(lead);
      return lead;
    },
  });
  return Promise.resolve({
    store,
    candidates: [candidate(0), candidate(1)] as const,
    // What dies in the process leaves its lock; it does not hear of that itself before it is refused.
    crash: async (index: 0 | 1) => {
      for (const { resign } of leads[index]) await resign();
    },
    dispose: () => store.close(),
  });
});

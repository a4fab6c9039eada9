import { createMemoryEventStore } from './memory-store.ts';
import { eventStoreContract } from './testing/contract.ts';

eventStoreContract('The store in memory', async () => {
  const store = createMemoryEventStore({ batchSize: 4 });
  return { store, dispose: () => store.close() };
});

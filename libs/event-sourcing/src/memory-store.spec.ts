import { createMemoryEventStore } from './memory-store.ts';
import { eventStoreContract } from './testing/contract.ts';
import { readModelsContract } from './testing/read-models-contract.ts';

eventStoreContract('The store in memory', async (catalogue) => {
  const store = createMemoryEventStore({ batchSize: 4, catalogue });
  return { store, dispose: () => store.close() };
});

readModelsContract('The store in memory', async () => {
  const store = createMemoryEventStore();
  return { store, dispose: () => store.close() };
});

export { eventStoreContract, type StoreUnderTest } from './contract.ts';
export { given, type Given, type When } from './given.ts';
export { accounts, happens, readModelsContract, testModels } from './read-models-contract.ts';
export { electionContract, type ElectionUnderTest } from './election-contract.ts';

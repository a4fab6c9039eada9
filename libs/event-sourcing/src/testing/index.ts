export { eventStoreContract, type StoreUnderTest } from './contract.ts';
export { given, type Given, type When } from './given.ts';

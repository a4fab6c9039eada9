/** Chunks, job output and the event-log API for node-agents. */
export { startStorage, type StorageOptions } from './storage.ts';

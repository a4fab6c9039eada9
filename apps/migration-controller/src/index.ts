/** Live migration, checkpoint and restart: sagas. */
export {};

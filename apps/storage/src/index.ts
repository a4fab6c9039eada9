/** Chunks, job output and the event-log API for node-agents. */
export {};

/** Decider, EventStore port, in-memory store, projections, process managers. */
export {};

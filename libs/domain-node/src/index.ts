/** Nodes: events, commands, state, decide. */
export {};

/** Jobs: events, commands, state, decide. */
export {};

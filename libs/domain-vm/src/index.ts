/** Virtual machines: events, commands, state, decide. */
export {};

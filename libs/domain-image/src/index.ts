/** Images and their distribution: events, commands, state, decide, the binomial tree. */
export {};

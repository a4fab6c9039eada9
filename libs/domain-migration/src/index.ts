/** Migrations: events, commands, state, decide. */
export {};

/** The event store on Postgres through Kysely, and the embedded Postgres server. */
export {};

/** The keys of NATS, in a module of their own that is loaded where they are needed: what is loaded late has names only if it is an ES module. */
import { nkeys } from '@nats-io/transport-node';

export const { createUser, fromSeed } = nkeys;

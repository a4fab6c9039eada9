/** RPC and notifications between services: in process now, NATS beside it. */
export {};

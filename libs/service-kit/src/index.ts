/** Config, logging, telemetry, health and shutdown of a service. */
export {};

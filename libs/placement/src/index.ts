/** Matchmaking and placement policies: pure functions from requirements to assignments. */
export {};

/** Public API: identity, authorization, streams. */
export {};

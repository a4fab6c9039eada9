/** Content-addressed chunks on disk, verified by digest, bounded by a quota. */
export {};

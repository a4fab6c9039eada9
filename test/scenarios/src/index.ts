/** System tests that read like stories. */
export {};

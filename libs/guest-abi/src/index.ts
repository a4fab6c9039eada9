/** The C headers that guest and host share, and their checked TypeScript mirror. */
export {};

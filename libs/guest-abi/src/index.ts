/** The C headers that guest and host share, and their checked TypeScript mirror. */
export * from './abi.ts';
export * from './hca.ts';

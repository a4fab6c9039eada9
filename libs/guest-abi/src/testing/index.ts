/** For specs of C code: compile it, and compare what headers say with their mirrors. */
export { compileC, type CSources } from './compile-c.ts';
export { mirrorOf, probe, type Probe, type ProbeRequest } from './probe.ts';

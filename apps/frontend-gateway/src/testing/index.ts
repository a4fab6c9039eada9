export { makeCertificate, type Made } from './certificate.ts';

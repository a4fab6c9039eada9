export type { ImageManifest } from './manifest.ts';

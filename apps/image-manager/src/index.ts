export { startImageManager, type ImageManagerOptions } from './image-manager.ts';

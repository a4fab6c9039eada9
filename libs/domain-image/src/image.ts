/** A named image: a growing list of versions, each of which never changes. */
import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { ImageContent, ImageEvent, ImageVersion } from './events.ts';
import { badImageName } from './image-name.ts';

export type ImageCommand = {
  readonly type: 'RegisterImage';
  readonly at: number;
  readonly data: ImageContent & Pick<ImageVersion, 'name' | 'owner' | 'public' | 'labels'>;
};

export interface StoredVersion extends ImageVersion {
  readonly createdAt: number;
}

export type ImageState = { readonly status: 'none' } | { readonly status: 'registered'; readonly versions: readonly StoredVersion[] };

export type ImageRefusal = 'invalid-name' | 'no-content';

export const noImage: ImageState = { status: 'none' };

/** The version that a registration of the same content by the same owner gave, if there was one. */
export function sameContent(state: ImageState, wanted: Pick<ImageVersion, 'digest' | 'owner' | 'public'>): StoredVersion | undefined {
  if (state.status === 'none') return undefined;
  return state.versions.findLast(
    (version) => version.digest === wanted.digest && version.owner === wanted.owner && version.public === wanted.public,
  );
}

export function decideImage(command: ImageCommand, state: ImageState): Decision<ImageEvent, ImageRefusal> {
  const { data, at } = command;
  const bad = badImageName(data.name);
  if (bad !== undefined) return refuse('invalid-name', bad);
  if (data.chunks.length === 0) return refuse('no-content', `image ${data.name} has no chunks`);
  switch (state.status) {
    case 'none':
      return accept({ type: 'ImageRegistered', data: { ...data, version: 1, at } });
    case 'registered':
      if (sameContent(state, data) !== undefined) return accept();
      return accept({ type: 'ImageRegistered', data: { ...data, version: state.versions.length + 1, at } });
    default:
      return state satisfies never;
  }
}

export function evolveImage(state: ImageState, { data: { at, ...version } }: ImageEvent): ImageState {
  const versions = state.status === 'none' ? [] : state.versions;
  return { status: 'registered', versions: [...versions, { ...version, createdAt: at }] };
}

export const imageDecider: Decider<ImageCommand, ImageEvent, ImageState, ImageRefusal> = {
  initial: noImage,
  decide: decideImage,
  evolve: evolveImage,
};

/**
 * The compiler's view of the user's files. Its file system in memory cannot resolve `..` and has directories of its own (/usr, /tmp) where
 * the user may have some too. So the files lie side by side in /vfs, and an LLVM overlay maps the user's absolute paths to them: the
 * overlay resolves `..`, keeps one identity per file (`#pragma once`), and leaves names in diagnostics as the user typed them.
 */
import type { Tree } from './tool-protocol.ts';

export const OVERLAY_PATH = '/overlay.yaml';

/** A tree with the overlay, the files, and an empty /out for results. */
export function virtualFiles(files: ReadonlyMap<string, Uint8Array>): Tree {
  const contents: Record<string, Uint8Array> = {};
  const roots = Array.from(files, ([path, content], index) => {
    const name = `f${String(index)}`;
    contents[name] = content;
    return { name: path, type: 'file', 'external-contents': `/vfs/${name}` };
  });
  const overlay = { version: 0, 'case-sensitive': true, 'use-external-names': false, 'overlay-relative': false, roots };
  return { 'overlay.yaml': JSON.stringify(overlay), vfs: contents, out: {} };
}

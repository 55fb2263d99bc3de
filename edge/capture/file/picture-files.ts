import { opendir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { OperationError, systemCodeOf } from '../../../base/errors.js';
import { FOLDER_PICTURES_MAX } from '../limits.js';
import { naturalOrder } from './natural-order.js';

/** What a path holds, as far as its kind and its name tell. */
export type FileKind = 'folder' | 'picture' | 'mjpeg' | 'video';

/** Extensions taken for pictures, the refused formats included: the decoder then names what is wrong with them. */
const PICTURE_EXTENSIONS = new Set(
  '.jpg .jpeg .jpe .png .webp .gif .tif .tiff .svg .bmp .heic .heif .avif .jp2 .jxl'.split(' '),
);
const MJPEG_EXTENSIONS = new Set(['.mjpeg', '.mjpg']);
/** What a folder of pictures is searched for. */
const FOLDER_EXTENSIONS = new Set(['.jpg', '.jpeg', '.jpe', '.png', '.webp']);

/** @throws OperationError `not-found`, `camera-refused` (no rights, neither file nor folder). */
export async function fileKindOf(path: string): Promise<FileKind> {
  const info = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (info.isDirectory()) return 'folder';
  if (!info.isFile()) {
    throw new OperationError({
      code: 'camera-refused',
      op: 'open',
      subject: path,
      message: 'it is neither a file nor a folder',
    });
  }
  const extension = extname(path).toLowerCase();
  if (MJPEG_EXTENSIONS.has(extension)) return 'mjpeg';
  return PICTURE_EXTENSIONS.has(extension) ? 'picture' : 'video';
}

/**
 * The pictures of a folder (not of folders in it), as paths in natural order of their names; hidden files left out.
 * @throws OperationError `not-found`, `camera-refused` (no rights, too many, none).
 */
export async function listPictures(folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (entry.isDirectory() || entry.name.startsWith('.')) continue;
      if (FOLDER_EXTENSIONS.has(extname(entry.name).toLowerCase())) names.push(entry.name);
      if (names.length > FOLDER_PICTURES_MAX) break;
    }
  } catch (error) {
    throw unreadable(folder, error);
  }
  if (names.length === 0) throw refused(folder, `no picture in it (${[...FOLDER_EXTENSIONS].join(' ')})`);
  if (names.length > FOLDER_PICTURES_MAX) throw refused(folder, `more than ${FOLDER_PICTURES_MAX} pictures in it`);
  return names.sort(naturalOrder).map((name) => join(folder, name));
}

/** The error for a path that cannot be read: `not-found`, else `camera-refused`. */
export function unreadable(path: string, cause: unknown): OperationError {
  const code = systemCodeOf(cause);
  const missing = code === 'ENOENT' || code === 'ENOTDIR';
  return new OperationError({
    code: missing ? 'not-found' : 'camera-refused',
    op: 'open',
    subject: path,
    message: missing ? 'there is no such file' : `it cannot be read (${code ?? 'unknown'})`,
    transient: true,
    cause,
  });
}

function refused(path: string, message: string): OperationError {
  return new OperationError({ code: 'camera-refused', op: 'open', subject: path, message, transient: true });
}

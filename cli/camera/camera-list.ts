import { renderTable } from '../../base/terminal/table.js';
import type { CommandContext } from '../command-context.js';
import { type AttachedCamera, rpicamCameras, v4l2Cameras } from './attached-cameras.js';

/** Prints the cameras attached to this board as a table, or one JSON object. */
export async function runCameraList(json: boolean, { out, err }: CommandContext): Promise<void> {
  const cameras = [...(await rpicamCameras()), ...(await v4l2Cameras())];
  if (json) return out.writeJson({ cameras });
  if (cameras.length === 0) {
    err.writeLine('no camera is attached; IP cameras are not searched for, try vedette camera test rtsp://HOST/PATH');
    return;
  }
  out.write(
    renderTable<AttachedCamera>(
      out,
      [
        { title: 'source', cell: ({ source }) => source },
        { title: 'name', cell: ({ name }) => name },
      ],
      cameras,
    ),
  );
}

import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { makeOutputFolder } from '../../base/state-folder.js';
import { renderTable } from '../../base/terminal/table.js';
import { printable } from '../../base/terminal/terminal.js';
import type { RgbPicture } from '../../edge/capture/frame.js';
import { decodePicture } from '../../edge/capture/picture-decoder.js';
import { loadDetector } from '../../edge/vision/detect/load-detector.js';
import type { Detection } from '../../edge/vision/detection.js';
import type { Detector } from '../../edge/vision/detector.js';
import { drawDetections } from '../../edge/vision/draw/box-drawing.js';
import { pictureEnding, writePicture } from '../../edge/vision/draw/picture-file.js';
import type { CommandContext } from '../command-context.js';
import { reportFailure } from '../failure.js';
import { modelPath } from './model-folder.js';

export type RunOptions = {
  readonly score?: number;
  readonly out?: string;
  readonly draw: boolean;
  readonly dir?: string;
  readonly json?: boolean;
};

/**
 * Runs a model on pictures. A picture that cannot be read is told and costs only itself; the exit code is then that of
 * its error.
 */
export async function runModelRun(
  file: string,
  pictures: readonly string[],
  options: RunOptions,
  context: CommandContext,
): Promise<void> {
  const detector = await loadDetector({
    modelPath: await modelPath(file, options.dir, context.env),
    ...(options.score === undefined ? {} : { scoreMin: options.score }),
  });
  try {
    if (options.out !== undefined) await makeOutputFolder(options.out);
    for (const path of pictures) {
      context.signal.throwIfAborted();
      try {
        await lookAt(path, detector, options, context);
      } catch (error) {
        if (!(error instanceof OperationError)) throw error;
        context.setExitCode(reportFailure(error, context.err, false));
      }
    }
  } finally {
    await detector.close();
  }
}

async function lookAt(path: string, detector: Detector, options: RunOptions, context: CommandContext): Promise<void> {
  const picture = await readPicture(path);
  const startedMonoMs = context.clock.monoMs();
  const detections = await detector.detect(picture, {});
  const inferenceMs = Math.round((context.clock.monoMs() - startedMonoMs) * 10) / 10;
  const drawn = options.draw ? await draw(path, picture, detections, options.out) : undefined;
  const { widthPx, heightPx } = picture;
  if (options.json === true) {
    const boxes = detections.map(({ classId, label, score, box }) => ({ classId, label, score, box }));
    context.out.writeJson({
      picture: path,
      widthPx,
      heightPx,
      inferenceMs,
      detections: boxes,
      ...(drawn ? { drawn } : {}),
    });
    return;
  }
  context.out.writeLine(
    `${printable(path)}  ${widthPx}x${heightPx}, ${inferenceMs} ms, ${detections.length} ${detections.length === 1 ? 'object' : 'objects'}`,
  );
  if (detections.length > 0) context.out.write(boxTable(detections, context));
  if (drawn !== undefined) context.out.writeLine(`drawn: ${printable(drawn)}`);
}

function boxTable(detections: readonly Detection[], { out }: CommandContext): string {
  const side = (i: 0 | 1 | 2 | 3) => (detection: Detection) => detection.box[i].toFixed(0);
  return renderTable<Detection>(
    out,
    [
      { title: 'label', cell: ({ label }) => label },
      { title: 'score', align: 'right', cell: ({ score }) => score.toFixed(3) },
      { title: 'x1', align: 'right', cell: side(0) },
      { title: 'y1', align: 'right', cell: side(1) },
      { title: 'x2', align: 'right', cell: side(2) },
      { title: 'y2', align: 'right', cell: side(3) },
    ],
    detections,
  );
}

async function readPicture(path: string): Promise<RgbPicture> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const message = systemCodeOf(cause) === 'ENOENT' ? 'no such file' : messageOf(cause);
    throw new OperationError({ code: 'not-found', op: 'read', subject: `picture ${path}`, message, cause });
  }
  return await decodePicture(bytes, { subject: path });
}

async function draw(
  path: string,
  picture: RgbPicture,
  detections: readonly Detection[],
  out: string | undefined,
): Promise<string> {
  drawDetections(picture, detections);
  const name = `${basename(path, extname(path))}.boxes.${pictureEnding(path)}`;
  const target = join(out ?? dirname(path), name);
  try {
    await writePicture(target, picture);
  } catch (cause) {
    const code = systemCodeOf(cause) === 'ENOSPC' ? 'disk-full' : 'state-unwritable';
    const hint = 'give a folder that can be written: --out DIR, or --no-draw';
    throw new OperationError({ code, op: 'write', subject: target, message: messageOf(cause), hint, cause });
  }
  return target;
}

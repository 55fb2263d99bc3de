import { resolve } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import { parseJson } from '../../../protocol/codec.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';

/** ffprobe reads the start of a file; a slow card takes seconds, never this long. */
const PROBE_TIMEOUT_MS = 10_000;
const REPORT_BYTES_MAX = 64 * 1024;
/** For a video that says nothing of its rate. */
const FPS_UNKNOWN = 10;
/** Containers with a time base for a rate say 90,000; no camera does. */
const FPS_MAX = 240;
/** Slower ones are played as this: to whoever watches over the camera a longer silence is a stall. */
const FPS_MIN = 1;

const Report = z.object({
  streams: z.array(z.object({ avg_frame_rate: z.string().optional(), r_frame_rate: z.string().optional() })),
});

/**
 * The frame rate a video says it has, 1/s.
 * @throws OperationError `missing-program`, `camera-garbage` (not a video), `timeout`.
 */
export async function probeFps(ffprobe: string, path: string, clock: Clock, signal: AbortSignal): Promise<number> {
  const process = await CaptureProcess.start({
    program: ffprobe,
    args: probeArgs(path),
    subject: path,
    missingHint: 'install ffmpeg, which brings ffprobe, or give a rate (fps)',
    clock,
  });
  let late = false;
  const cancel = clock.after(PROBE_TIMEOUT_MS, () => {
    late = true;
    void process.stop();
  });
  try {
    const bytes = await process.stdout.all(REPORT_BYTES_MAX, signal);
    if (bytes === undefined) await process.stop();
    const end = await process.ended();
    const how = late ? `ffprobe did not end in ${PROBE_TIMEOUT_MS} ms` : describeEnd(end, process.lastWords);
    const fps = end.code === 0 && bytes !== undefined ? fpsOfReport(new TextDecoder().decode(bytes)) : undefined;
    if (fps !== undefined) return fps;
    throw new OperationError({
      code: late ? 'timeout' : 'camera-garbage',
      op: 'open',
      subject: path,
      message: end.code === 0 ? 'no video in it' : `not a video: ${how}`,
      hint: 'pictures are .jpg, .png, .webp; concatenated JPEGs .mjpeg; everything else is read by ffmpeg',
      transient: true,
    });
  } finally {
    cancel();
    await process.stop();
  }
}

function probeArgs(path: string): readonly string[] {
  const what = ['-select_streams', 'v:0', '-show_entries', 'stream=avg_frame_rate,r_frame_rate', '-of', 'json'];
  return ['-v', 'error', '-protocol_whitelist', 'file,pipe', ...what, `file:${resolve(path)}`];
}

/** The rate in ffprobe's report: the average, else the base rate, else a guess; undefined without a video stream. */
export function fpsOfReport(text: string): number | undefined {
  const stream = Report.parse(parseJson(text)).streams[0];
  if (stream === undefined) return undefined;
  const rates = [stream.avg_frame_rate, stream.r_frame_rate].map((rate) => parseRatio(rate ?? ''));
  return Math.max(FPS_MIN, rates.find((rate) => rate > 0 && rate <= FPS_MAX) ?? FPS_UNKNOWN);
}

function parseRatio(text: string): number {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const value = match === null ? 0 : Number(match[1]) / Number(match[2]);
  return Number.isFinite(value) ? value : 0;
}

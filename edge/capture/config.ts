import { z } from 'zod';
import { OperationError } from '../../base/errors.js';
import { describeIssues } from '../../protocol/codec.js';
import { PICTURE_SIDE_PX_MAX } from './limits.js';
import { isRecording } from './recording.js';
import { DECODERS, HttpSource, RpicamSource, RtspSource, V4l2Source } from './stream/stream-config.js';

const SidePx = z.int().min(16).max(PICTURE_SIDE_PX_MAX);
const Fps = z.number().min(0.01).max(240);

/** A device a capture program may be given. Strict, because it becomes an argument of another program. */
const DEVICE_PATTERN = /^(?:\/dev\/(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/:-]{0,200}|TEST:)$/;
/** A program name or path: no white space, no shell's characters, no leading dash. */
const PROGRAM_PATTERN = /^[A-Za-z0-9._/][A-Za-z0-9._/+-]{0,255}$/;

export const SimSource = z.strictObject({
  driver: z.literal('sim'),
  seed: z.string().min(1).max(64).describe('seed of the scene; the same seed gives the same pictures'),
  widthPx: SidePx.default(640),
  heightPx: SidePx.default(480),
  fps: Fps.default(10),
  argv: z
    .array(z.string().min(1).max(1024))
    .min(1)
    .max(64)
    .optional()
    .describe('program and arguments that write the frame pipe, instead of the built-in simulator'),
});
export type SimSource = z.infer<typeof SimSource>;

export const FileSource = z.strictObject({
  driver: z.literal('file'),
  path: z.string().min(1).max(4096).describe('a picture, a folder of pictures, an .mjpeg or a video'),
  loop: z.boolean().default(true).describe('start again at the end, or play once'),
  widthPx: SidePx.optional().describe(
    'width of the frames of a video; a larger one is shrunk by ffmpeg; absent: as the height gives it, or as it is. Pictures and .mjpeg are taken as they are',
  ),
  heightPx: SidePx.optional().describe('their height; absent: as the aspect of the video gives it'),
  decoder: z.enum(DECODERS).optional().describe('who decodes a video; absent: software'),
  fps: z
    .union([Fps, z.literal('source'), z.literal('max')])
    .default('source')
    .describe(
      'frames per second; source: its own rate (10 for .mjpeg, 1 for pictures); max: every frame as fast as it goes, timed by its own rate from when it was opened',
    ),
});
export type FileSource = z.infer<typeof FileSource>;

export const WebcamSource = z.strictObject({
  driver: z.literal('webcam'),
  device: z.string().regex(DEVICE_PATTERN, 'a path below /dev of letters, digits and . _ - : /, or TEST:'),
  widthPx: SidePx.default(640),
  heightPx: SidePx.default(480),
  // A snapshot program opens the camera anew for each picture, which takes most cameras 0.3 to 1 s.
  fps: z.number().min(0.01).max(10).default(1),
  program: z
    .string()
    .regex(PROGRAM_PATTERN, 'a program name or path without white space or quotes')
    .default('fswebcam')
    .describe('the fswebcam to run'),
});
export type WebcamSource = z.infer<typeof WebcamSource>;

const SourceObject = z.discriminatedUnion(
  'driver',
  [SimSource, FileSource, WebcamSource, V4l2Source, RtspSource, HttpSource, RpicamSource],
  { error: 'driver: one of sim, file, webcam, v4l2, rtsp, http, rpicam' },
);

/** The short forms of all sources, for help and hints. */
export const SHORT_FORMS =
  'sim:SEED, file:PATH, webcam:/dev/videoN, v4l2:/dev/videoN, rtsp://HOST/PATH, http://HOST/PATH or rpicam:N';

/** Where a camera's pictures come from: a short form (`sim:7`, `file:clip.mjpeg`, `webcam:/dev/video0`) or an object. */
export const SourceConfig = z.union([z.string(), z.looseObject({})]).transform((value, context) => {
  const expanded = typeof value === 'string' ? expandShortForm(value) : value;
  if (expanded === undefined) {
    context.addIssue({ code: 'custom', message: `a source is ${SHORT_FORMS}` });
    return z.NEVER;
  }
  const result = SourceObject.safeParse(expanded);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    context.addIssue({ code: 'custom', message: issue.message, path: issue.path });
  }
  return z.NEVER;
});
export type SourceConfig = SimSource | FileSource | WebcamSource | V4l2Source | RtspSource | HttpSource | RpicamSource;

function expandShortForm(text: string): Record<string, unknown> | undefined {
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  if (colon < 0 || rest === '') return undefined;
  switch (text.slice(0, colon)) {
    case 'sim':
      return { driver: 'sim', seed: rest };
    case 'file':
      return { driver: 'file', path: rest };
    case 'webcam':
    case 'v4l2':
      return { driver: text.slice(0, colon), device: rest };
    case 'rtsp':
    case 'rtsps':
      return { driver: 'rtsp', url: text };
    case 'http':
    case 'https':
      return { driver: 'http', url: text };
    case 'rpicam':
      return /^\d$/.test(rest) ? { driver: 'rpicam', camera: Number(rest) } : undefined;
    default:
      return undefined;
  }
}

/**
 * Reads the short form of a source, as given on a command line.
 * @throws OperationError `config-invalid` naming the text and what is allowed.
 */
export function parseSource(text: string): SourceConfig {
  const result = SourceConfig.safeParse(text);
  if (result.success) return result.data;
  throw new OperationError({
    code: 'config-invalid',
    op: 'read source',
    subject: JSON.stringify(text.slice(0, 200)),
    message: describeIssues(result.error),
    hint: `write ${SHORT_FORMS}`,
  });
}

/** How a camera of this source is to be treated: what the loop around it cannot know from frames. */
export type SourceTraits = {
  /** A sensor behind it: identical pictures mean that it froze. */
  readonly live: boolean;
  /** The same pictures come again when it is opened anew: they are from a file or a simulator, not from a sensor. */
  readonly repeats: boolean;
  /** Every frame is to be seen, at the reader's pace; nothing is replaced by newer ones. */
  readonly every: boolean;
  /** Ends by itself. */
  readonly once: boolean;
  /** Frames per second to expect, or undefined where only the source knows. */
  readonly fps: number | undefined;
};

export function sourceTraits(config: SourceConfig): SourceTraits {
  if (config.driver !== 'file') {
    const repeats = config.driver === 'sim' && config.argv === undefined;
    return { live: true, repeats, every: false, once: false, fps: config.fps };
  }
  const fps = typeof config.fps === 'number' ? config.fps : undefined;
  return { live: false, repeats: true, every: isRecording(config), once: !config.loop, fps };
}

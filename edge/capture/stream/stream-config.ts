import { z } from 'zod';
import { PICTURE_SIDE_PX_MAX } from '../limits.js';

const SidePx = z.int().min(16).max(PICTURE_SIDE_PX_MAX);
const StreamFps = z.number().min(0.01).max(120);

/** A program name or path: no white space, no shell's characters, no leading dash. */
const PROGRAM_PATTERN = /^[A-Za-z0-9._/][A-Za-z0-9._/+-]{0,255}$/;
const Program = z.string().regex(PROGRAM_PATTERN, 'a program name or path without white space or quotes');

/** What a password in an address would be seen by: everybody who can read the file, the log, or this error. */
const NO_PASSWORD = 'leave the password out of the address, put it into a file and name it in passwordFile';

function streamUrl(schemes: readonly string[]) {
  return z
    .string()
    .min(8)
    .max(2048)
    .superRefine((text, context) => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      const isOurs = url !== undefined && schemes.includes(url.protocol) && url.hostname !== '';
      if (!isOurs) context.addIssue({ code: 'custom', message: `an address with ${schemes.join('// or ')}//` });
      else if (url.password !== '') context.addIssue({ code: 'custom', message: NO_PASSWORD });
    });
}

/**
 * How ffmpeg decodes: on the processor, by what it finds itself, by a named accelerator (`-hwaccel`), or by the decoder
 * of a Raspberry Pi 4 and other boards with a V4L2 codec.
 */
export const DECODERS = ['software', 'auto', 'vaapi', 'drm', 'vdpau', 'h264_v4l2m2m', 'hevc_v4l2m2m'] as const;
export type DecoderName = (typeof DECODERS)[number];

const common = {
  widthPx: SidePx.default(640).describe('width of the frames the node works on; a larger picture is shrunk by ffmpeg'),
  heightPx: SidePx.optional().describe('their height; absent: as the aspect of the picture gives it'),
  fps: StreamFps.default(10).describe('most frames per second taken; the camera may send more'),
  program: Program.default('ffmpeg').describe('the ffmpeg to run'),
};
const network = {
  username: z.string().min(1).max(128).optional().describe('name at the camera; may stand in the address as well'),
  passwordFile: z.string().min(1).max(4096).optional().describe('file with the password at the camera, mode 0600'),
  timeoutMs: z.int().min(500).max(120_000).default(5000).describe('silence of the network after which ffmpeg gives up'),
};

export const RtspSource = z.strictObject({
  driver: z.literal('rtsp'),
  url: streamUrl(['rtsp:', 'rtsps:']).describe('rtsp://HOST[:PORT]/PATH, without password'),
  transport: z.enum(['tcp', 'udp']).default('tcp').describe('udp loses packets on Wi-Fi, tcp does not'),
  decoder: z.enum(DECODERS).default('software').describe('who decodes the video'),
  ...common,
  ...network,
});
export type RtspSource = z.infer<typeof RtspSource>;

export const HttpSource = z.strictObject({
  driver: z.literal('http'),
  url: streamUrl(['http:', 'https:']).describe('an MJPEG stream or any video ffmpeg reads over HTTP, without password'),
  decoder: z.enum(DECODERS).default('software').describe('who decodes the video'),
  ...common,
  ...network,
});
export type HttpSource = z.infer<typeof HttpSource>;

/** A device a capture program may be given. Strict, because it becomes an argument of another program. */
const DEVICE_PATTERN = /^\/dev\/(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/:-]{0,200}$/;

export const V4l2Source = z.strictObject({
  driver: z.literal('v4l2'),
  device: z.string().regex(DEVICE_PATTERN, 'a path below /dev of letters, digits and . _ - : /'),
  format: z
    .enum(['any', 'yuyv422', 'mjpeg', 'h264', 'nv12'])
    .default('any')
    .describe('what the camera is asked for; raw (yuyv422) costs half of what mjpeg does, but not every size has it'),
  decoder: z.enum(DECODERS).default('software').describe('who decodes what the camera sends as mjpeg or h264'),
  captureWidthPx: SidePx.optional().describe('width asked of the camera; absent: widthPx'),
  captureHeightPx: SidePx.optional().describe('height asked of the camera; absent: what goes with the width at 4:3'),
  ...common,
});
export type V4l2Source = z.infer<typeof V4l2Source>;

/** Video encoders and sensors work in blocks: other widths come with padding at the end of each row. */
const RPICAM_WIDTH_STEP_PX = 64;

export const RpicamSource = z.strictObject({
  driver: z.literal('rpicam'),
  camera: z.int().min(0).max(7).default(0).describe('number of the camera, as rpicam-vid --list-cameras counts'),
  widthPx: SidePx.multipleOf(RPICAM_WIDTH_STEP_PX).default(640).describe('a multiple of 64: rows then have no padding'),
  heightPx: SidePx.multipleOf(2).default(480),
  fps: StreamFps.default(10),
  options: z
    .array(
      z
        .string()
        .regex(/^--[a-z0-9-]+(?:[= ][A-Za-z0-9.,:_/-]+)?$/, 'an option of rpicam-vid, `--name` or `--name=value`'),
    )
    .max(32)
    .default([])
    .describe('more options for rpicam-vid, for instance --rotation=180 or --tuning-file=/usr/share/...'),
  program: Program.default('rpicam-vid').describe('the rpicam-vid to run; libcamera-vid on older systems'),
});
export type RpicamSource = z.infer<typeof RpicamSource>;

export type StreamSourceConfig = RtspSource | HttpSource | V4l2Source;

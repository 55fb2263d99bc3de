import type { DecoderName, HttpSource, RtspSource, StreamSourceConfig, V4l2Source } from './stream-config.js';

/**
 * Arguments for ffmpeg: read the stream with as little delay as it can, write pictures of the size asked for as PPM.
 * One thread: the other cores are the detector's.
 * @param secret password at the camera; it becomes part of the address, which other users of the board can see in the
 * list of processes: ffmpeg takes it in no other way.
 */
export function ffmpegArgs(config: StreamSourceConfig, secret?: string): readonly string[] {
  const quiet = ['-nostdin', '-hide_banner', '-loglevel', 'error', '-threads', '1'];
  // Without them ffmpeg gathers up to 5 s of a live stream before it gives the first picture.
  const prompt = ['-fflags', 'nobuffer', '-flags', 'low_delay', '-analyzeduration', '1000000', '-probesize', '500000'];
  const output = ['-an', '-sn', '-dn', '-r', '25', '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1'];
  return [...quiet, ...prompt, ...inputArgs(config, secret), '-map', '0:v:0', '-vf', filterOf(config), ...output];
}

function inputArgs(config: StreamSourceConfig, secret: string | undefined): readonly string[] {
  switch (config.driver) {
    case 'rtsp':
      return [...decoderArgs(config.decoder), ...rtspArgs(config), '-i', addressOf(config, secret)];
    case 'http':
      return [...decoderArgs(config.decoder), ...httpArgs(config), '-i', addressOf(config, secret)];
    case 'v4l2':
      return [...decoderArgs(config.decoder), ...v4l2Args(config), '-i', config.device];
  }
}

/** What names the decoder of an input to ffmpeg, before its `-i`. */
export function decoderArgs(decoder: DecoderName): readonly string[] {
  if (decoder === 'software') return [];
  return decoder.endsWith('_v4l2m2m') ? ['-c:v', decoder] : ['-hwaccel', decoder];
}

// ffmpeg counts these times in microseconds.
function rtspArgs({ transport, timeoutMs }: RtspSource): readonly string[] {
  const allowed = ['-protocol_whitelist', 'rtsp,rtsps,rtp,tcp,udp,tls,crypto'];
  return [...allowed, '-rtsp_transport', transport, '-timeout', String(timeoutMs * 1000)];
}

// A stream of a camera has no end to seek to; redirects may lead to another host, never to a file.
function httpArgs({ timeoutMs }: HttpSource): readonly string[] {
  const allowed = ['-protocol_whitelist', 'http,https,httpproxy,tcp,tls,crypto'];
  return [...allowed, '-rw_timeout', String(timeoutMs * 1000), '-seekable', '0'];
}

function v4l2Args(config: V4l2Source): readonly string[] {
  const widthPx = config.captureWidthPx ?? config.widthPx;
  const heightPx = config.captureHeightPx ?? config.heightPx ?? Math.round((widthPx * 3) / 4 / 2) * 2;
  const format = config.format === 'any' ? [] : ['-input_format', config.format];
  return ['-f', 'v4l2', ...format, '-video_size', `${widthPx}x${heightPx}`, '-framerate', String(config.fps)];
}

/** The address with name and password in it, each escaped. */
function addressOf(config: RtspSource | HttpSource, secret: string | undefined): string {
  const url = new URL(config.url);
  if (config.username !== undefined) url.username = encodeURIComponent(config.username);
  if (secret !== undefined) url.password = encodeURIComponent(secret);
  return url.href;
}

/** Slack for cameras whose frames come a little early, as a share of the interval. */
const EARLY_SHARE = 0.15;

/**
 * Fewer frames where the camera sends more, the size, and new stamps. `select` drops at once; ffmpeg's `fps` would hold
 * every frame until the next one is there (measured at 1 frame/s: a second later than `-r`). Stamps a fixed time apart
 * keep the pipe's constant rate from repeating or dropping frames; the option against it has had three names.
 */
function filterOf({ driver, fps, widthPx, heightPx }: StreamSourceConfig): string {
  // MJPEG over HTTP has no times: ffmpeg counts 25 frames to a second, whatever the camera sends.
  const times = driver === 'http' ? 'settb=1/1000,setpts=time(0)*1000,' : '';
  const gapS = ((1 - EARLY_SHARE) / fps).toFixed(4);
  const rate = `select='isnan(prev_selected_t)+gte(t-prev_selected_t\\,${gapS})+lt(t\\,prev_selected_t)'`;
  return `${times}${rate},${sizeFilter({ widthPx, heightPx })},settb=1/1000,setpts=N*40`;
}

/** Shrinks to a size; a side that is not told follows from the aspect. */
export function sizeFilter(size: {
  readonly widthPx?: number | undefined;
  readonly heightPx?: number | undefined;
}): string {
  // Only ever smaller: enlarging a picture costs work and shows nothing more.
  const side = (px: number | undefined, own: string) => (px === undefined ? '-2' : `'min(${px}\\,${own})'`);
  return `scale=w=${side(size.widthPx, 'iw')}:h=${side(size.heightPx, 'ih')}:flags=area`;
}

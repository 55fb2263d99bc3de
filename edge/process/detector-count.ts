import type { DeepReadonly } from '../../base/config.js';
import { isRecording } from '../capture/recording.js';
import type { SharingConfig } from '../sharing/config.js';

/**
 * How many detectors a node runs at once. More than there are frames to look at are of no use: a camera looks at one at a
 * time, a recording at as many as there are detectors. One core stays free of them where there are several, for capture,
 * records and the link.
 * @param configured of the configuration; `auto` chooses by the board.
 */
export function detectorCount(
  configured: number | 'auto',
  board: { readonly views: number; readonly cores: number; readonly threads: number },
): number {
  if (configured !== 'auto') return configured;
  const room = Math.floor(Math.max(1, board.cores - 1) / board.threads);
  return Math.max(1, Math.min(board.views, room));
}

/** Looks for others that detectors are started for. `offersMax` is what may wait: a board of many cores would fill its memory. */
const OFFERED_VIEWS = 4;

type CameraViews = {
  readonly source: { readonly driver: string; readonly fps?: unknown };
  readonly motion: { readonly enabled: boolean };
};

/** Frames a node may have to look at at a time: of its cameras, of sources it may watch, of others that offer some. */
export function viewCount(
  cameras: readonly CameraViews[],
  {
    sources,
    sourcesMax,
    offers,
    offersMax,
  }: Pick<DeepReadonly<SharingConfig>, 'sources' | 'sourcesMax' | 'offers' | 'offersMax'>,
): number {
  if (!offers && cameras.some(looksAhead)) return Number.POSITIVE_INFINITY;
  return cameras.length + (sources ? sourcesMax : 0) + (offers ? Math.min(offersMax, OFFERED_VIEWS) : 0);
}

/**
 * Whether the only detector of a node has a thread of its own; several have. Each costs some 25 MiB with its model. In the
 * thread of the cameras it saves them a message; for the length of each of its runs nothing else is done there: no picture
 * goes to others or comes from them, and the next frame of a recording is not made ready.
 */
export function needsThread(node: {
  readonly offers: boolean;
  /** Cameras that look ahead. */
  readonly recordings: number;
  readonly cores: number;
}): boolean {
  return node.offers || (node.recordings > 0 && node.cores > 1);
}

/** Whether its next frame is known, and sure to be looked at: what a motion gate lets through depends on what was seen before. */
export function looksAhead({ source, motion }: CameraViews): boolean {
  return isRecording(source) && !motion.enabled;
}

import type { Clock } from '../../base/clock.js';
import { type SourceConfig, type SourceTraits, sourceTraits } from './config.js';
import { FileSource } from './file/file-source.js';
import type { FrameBuffers } from './frame-buffers.js';
import type { FrameSource } from './frame-source.js';
import { RpicamSource } from './rpicam/rpicam-source.js';
import { SimSource } from './sim/sim-source.js';
import { StreamSource } from './stream/stream-source.js';
import { WebcamSource } from './webcam/webcam-source.js';

export type SourceParts = {
  readonly clock: Clock;
  readonly buffers: FrameBuffers;
  /** Program and first arguments of the built-in simulated camera, e.g. `[node, vedette.js, 'sim', 'camera']`. */
  readonly simCommand: readonly string[];
};

/** What feeds a camera: a driver for each of its lives, and how its frames are to be treated. */
export type CameraFeed = {
  readonly makeSource: (buffers: FrameBuffers) => FrameSource;
  readonly traits: SourceTraits;
  /** No frame for so long is a fault; as `CameraOptions`. */
  readonly stallMs?: number;
  /** Its records name the frame by the JPEG as it came. */
  readonly asItCame?: boolean;
};

/** The feed of a configured camera. */
export function feedOf(config: SourceConfig, parts: Omit<SourceParts, 'buffers'>): CameraFeed {
  return {
    makeSource: (buffers) => makeFrameSource(config, { ...parts, buffers }),
    traits: sourceTraits(config),
  };
}

/** A driver for the source, not opened yet. */
export function makeFrameSource(config: SourceConfig, parts: SourceParts): FrameSource {
  switch (config.driver) {
    case 'sim':
      return new SimSource(config, parts.simCommand, parts.clock, parts.buffers);
    case 'file':
      return new FileSource(config, parts.clock, parts.buffers);
    case 'webcam':
      return new WebcamSource(config, parts.clock);
    case 'v4l2':
    case 'rtsp':
    case 'http':
      return new StreamSource(config, parts.clock, parts.buffers);
    case 'rpicam':
      return new RpicamSource(config, parts.clock, parts.buffers);
  }
}

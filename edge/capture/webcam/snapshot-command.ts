import { createRequire } from 'node:module';
import { InvariantError } from '../../../base/errors.js';
import type { WebcamSource } from '../config.js';

/** Past 85 a JPEG grows faster than detectors gain. */
const JPEG_QUALITY = 85;

/**
 * The program and arguments of one snapshot to standard output, as node-webcam 0.8.2 plans them for fswebcam. Its
 * command line is for a shell; it is cut at white space instead: all of it is fixed, numbers, or checked by the
 * configuration to hold neither white space nor quotes.
 */
export function snapshotArgv(config: WebcamSource): readonly string[] {
  const options = {
    width: config.widthPx,
    height: config.heightPx,
    device: config.device,
    output: 'jpeg',
    quality: JPEG_QUALITY,
  };
  const webcam = Object.assign(makeFsWebcam(options), { bin: config.program });
  // `null` would be its way to ask for standard output, but then it writes the picture there twice.
  const line: unknown = webcam.generateSh('-');
  if (typeof line !== 'string') throw new InvariantError('node-webcam planned no command line');
  return line.split(/\s+/).filter((word) => word !== '');
}

type FsWebcam = { generateSh(location: string): unknown };

// The package brings no types, so what is used of it is checked instead.
function makeFsWebcam(options: object): FsWebcam {
  const nodeWebcam: unknown = createRequire(import.meta.url)('node-webcam');
  const found = typeof nodeWebcam === 'object' && nodeWebcam !== null && 'FSWebcam' in nodeWebcam;
  if (!found || typeof nodeWebcam.FSWebcam !== 'function') throw new InvariantError('node-webcam has no FSWebcam');
  const webcam: unknown = Reflect.construct(nodeWebcam.FSWebcam, [options]);
  if (!isFsWebcam(webcam)) throw new InvariantError('an FSWebcam of node-webcam has no generateSh');
  return webcam;
}

function isFsWebcam(value: unknown): value is FsWebcam {
  return typeof value === 'object' && value !== null && 'generateSh' in value && typeof value.generateSh === 'function';
}

import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock } from '../../base/clock.js';
import { Random } from '../../base/random.js';
import type { SceneFamily } from '../scene/backdrops/stage.js';
import { SceneCamera } from '../scene/scene-camera.js';
import type { CameraFault } from './fault.js';
import { encodePipeFrame } from './pipe-frame.js';

export type CameraPipeOptions = {
  readonly seed: string | number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly fps: number;
  readonly family?: SceneFamily;
  readonly fault?: CameraFault;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Default: standard output, written without blocking. */
  readonly output?: Writable;
};

/** How a pipe ended: the reader closed it, it was told to stop, or its fault pulled the cable. */
export type CameraPipeEnd = {
  readonly reason: 'closed' | 'stopped' | 'unplugged';
  readonly frames: number;
  /** Frames that fell due while the reader was busy; they were never drawn. */
  readonly skipped: number;
};

/**
 * Writes frames of a simulated camera in the format of `encodePipeFrame`, paced by the clock. Newest wins: while the
 * reader does not read, at most one frame waits, and the next one shows the scene as it is by then.
 */
export async function runCameraPipe(options: CameraPipeOptions): Promise<CameraPipeEnd> {
  const { clock, fps, signal, fault } = options;
  const camera = new SceneCamera({ ...options, difficulty: 'demo' });
  const output = options.output ?? createWriteStream('', { fd: 1 });
  const closed = watchClosed(output);
  const startMonoMs = clock.monoMs();
  let frames = 0;
  let next = 0;
  let frozen: Uint8Array | undefined;
  const junk = new Random(`garbage/${options.seed}`);
  try {
    for (;;) {
      if (signal.aborted) return { reason: 'stopped', frames, skipped: next - frames };
      if (closed.yes()) return { reason: 'closed', frames, skipped: next - frames };
      const elapsedMs = clock.monoMs() - startMonoMs;
      const index = Math.max(next, Math.floor((elapsedMs * fps) / 1000));
      const waitMs = (index * 1000) / fps - elapsedMs;
      if (waitMs > 0) {
        await clock.sleep(waitMs, signal).catch(() => {});
        continue;
      }
      const active = fault !== undefined && elapsedMs >= fault.atS * 1000 ? fault.kind : undefined;
      if (active === 'unplug') return { reason: 'unplugged', frames, skipped: next - frames };
      const rgb = frozen ?? camera.frame(index).rgb;
      if (active === 'freeze') frozen = rgb;
      const { widthPx, heightPx } = options;
      const bytes = encodePipeFrame({ widthPx, heightPx, capturedAtMs: clock.nowMs(), index, rgb });
      if (active === 'garbage') for (let i = 0; i < bytes.length; i += 64) bytes[i] = junk.int(256);
      await write(output, bytes, closed, signal);
      frames++;
      next = index + 1;
    }
  } finally {
    output.end();
  }
}

type Closed = { yes(): boolean; readonly promise: Promise<void> };

// A reader that goes away shows as EPIPE or as close; both end the camera quietly, as pulling its plug would.
function watchClosed(output: Writable): Closed {
  let closed = false;
  const promise = new Promise<void>((resolve) => {
    const end = (): void => {
      closed = true;
      resolve();
    };
    output.once('close', end);
    output.on('error', end);
  });
  return { yes: () => closed, promise };
}

async function write(output: Writable, bytes: Uint8Array, closed: Closed, signal: AbortSignal): Promise<void> {
  if (output.write(bytes)) return;
  let wake = (): void => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  output.once('drain', wake);
  signal.addEventListener('abort', wake, { once: true });
  await Promise.race([woken, closed.promise]);
  output.removeListener('drain', wake);
  signal.removeEventListener('abort', wake);
}

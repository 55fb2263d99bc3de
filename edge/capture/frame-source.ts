import type { Frame } from './frame.js';

/**
 * A camera driver. One life: `open`, any number of `read`, `close`. The loop around it (`camera.ts`) makes a new one
 * after a failure; a driver never retries on its own. Calls do not overlap, except `close`, which may come at any time.
 */
export interface FrameSource {
  /** Starts the camera. @throws OperationError `camera-unplugged`, `camera-refused` ... with the driver's own words. */
  open(signal: AbortSignal): Promise<void>;
  /**
   * The next frame, or undefined when the source has ended for good (a file played once).
   * @throws OperationError `camera-unplugged`, `camera-garbage`, `camera-ended`, ...: the source must then be closed;
   * `picture-invalid`: this one picture is bad, the next `read` may succeed.
   */
  read(signal: AbortSignal): Promise<Frame | undefined>;
  /** Ends the driver and every process it started. Idempotent; never throws. */
  close(): Promise<void>;
  /** What the driver itself skipped or dropped since it was opened, by cause; absent where nothing can be. */
  drops?(): Readonly<Record<string, number>>;
}

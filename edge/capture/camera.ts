import { crc32 } from 'node:zlib';
import { type BackoffOptions, backoffDelayMs } from '../../base/backoff.js';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { withDeadline } from '../../base/deadline.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { CAMERA_REASONS } from '../../protocol/camera-reasons.js';
import {
  type CameraEvent,
  type CameraReason,
  type CameraSettings,
  type CameraState,
  cameraReasonOf,
  INITIAL_CAMERA_STATE,
  reduceCamera,
} from './camera-state.js';
import type { SourceTraits } from './config.js';
import type { Frame } from './frame.js';
import { FrameBuffers } from './frame-buffers.js';
import type { FrameSource } from './frame-source.js';
import { NewestSlot } from './newest-slot.js';
import { RateMeter } from './rate-meter.js';

/** A camera as others see it; the payload of its `state` topic but for the schema minor. */
export type CameraStatus = {
  readonly ok: boolean;
  readonly reason: CameraReason | undefined;
  readonly detail: string | undefined;
  readonly fps: number;
  readonly frameAgeMs: number | null;
};

export type CameraOptions = {
  readonly id: string;
  /** A new driver for a new life. Pixel buffers are to be drawn from `buffers`. */
  readonly makeSource: (buffers: FrameBuffers) => FrameSource;
  readonly traits: SourceTraits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called when `ok`, `reason` or `detail` changes. Must not throw. */
  readonly onState: (status: CameraStatus) => void;
  /** Frames its taker works on at a time; default 1. */
  readonly takenMax?: number;
  /** No frame for so long: the driver hangs. Default: 10 frame intervals, at least 5 s. */
  readonly stallMs?: number;
  /** The same picture for so long: the camera is frozen (live cameras only). Default 30 s. */
  readonly frozenMs?: number;
};

// A replugged USB camera is back in 1 to 3 s; one that is gone costs an attempt in half a minute.
const BACKOFF: BackoffOptions = { firstMs: 1000, maxMs: 30_000, factor: 2 };
const STALL_MS_MIN = 5000;
const STALL_INTERVALS = 10;
/** Starting a program and rendering or probing the first picture on a loaded board takes seconds. */
const FIRST_FRAME_MS = 20_000;
const CLOSE_MS = 5000;
const FROZEN_MS = 30_000;
const HEALTHY_MS = 10_000;
/** One second of a usual camera: shorter bursts of bad pictures are a bad cable's daily life. */
const BAD_IN_ROW_MAX = 10;
/** How often a picture is fingerprinted; the checksum of a 640x480 picture takes about 1 ms. */
const PRINT_INTERVAL_MS = 1000;

/**
 * The loop around a camera's driver: opens it, reads it into the slot, watches over it, and makes a new one with
 * growing delay when it failed. Whatever a driver does, `run` goes on until it is told to stop or a source played once
 * has ended.
 */
export class Camera {
  readonly slot: NewestSlot;
  readonly #options: CameraOptions;
  readonly #settings: CameraSettings;
  readonly #stallMs: number;
  readonly #buffers = new FrameBuffers();
  readonly #rate = new RateMeter();
  readonly #counters = new Counters<'frames' | 'bad-pictures' | 'restarts'>(['frames', 'bad-pictures', 'restarts']);
  readonly #faults = new Counters<CameraReason>(CAMERA_REASONS);
  /** Drops of the drivers of earlier lives. */
  readonly #pastDrops = new Map<string, number>();
  #state: CameraState = INITIAL_CAMERA_STATE;
  #life = new AbortController();
  #wake = () => {};
  #endWait = () => {};
  #source: FrameSource | undefined;
  #lastFrameMonoMs: number | undefined;
  #printDueMonoMs = 0;

  constructor(options: CameraOptions) {
    const { traits } = options;
    this.#options = options;
    this.#settings = {
      live: traits.live,
      once: traits.once,
      frozenMs: options.frozenMs ?? FROZEN_MS,
      healthyMs: HEALTHY_MS,
      badInRowMax: BAD_IN_ROW_MAX,
    };
    const intervalMs = traits.fps === undefined ? 0 : 1000 / traits.fps;
    this.#stallMs = options.stallMs ?? Math.max(STALL_MS_MIN, STALL_INTERVALS * intervalMs);
    this.slot = new NewestSlot(this.#buffers, options.takenMax);
  }

  /** Resolves when `signal` aborts or the source has ended for good; never rejects for anything a driver does. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        if (this.#state.phase === 'paused') await this.#resumed(signal);
        else await this.#runOnce(signal);
        if (signal.aborted || this.#state.phase === 'ended') return;
        if (this.#state.phase === 'waiting') await this.#waitBeforeRetry(signal);
      }
    } finally {
      this.slot.end();
    }
  }

  /** Closes the driver until `resume`; a camera that has ended stays ended. @param why shown in its state. */
  pause(why: string): void {
    this.#apply({ kind: 'pause', detail: why });
    if (this.#state.phase === 'paused') this.#life.abort();
  }

  /** Opens a new driver; nothing happens unless it is paused. */
  resume(): void {
    this.#apply({ kind: 'resume' });
    this.#wake();
  }

  /** A camera that had been silent gives something again: the next attempt is made at once. */
  hurry(): void {
    if (this.#state.phase === 'waiting' && this.#state.reason === 'frozen') this.#endWait();
  }

  status(): CameraStatus {
    const { ok, reason, detail, phase } = this.#state;
    if (phase === 'paused') return { ok, reason, detail, fps: 0, frameAgeMs: null };
    const nowMonoMs = this.#options.clock.monoMs();
    const frameAgeMs = this.#lastFrameMonoMs === undefined ? null : Math.max(0, nowMonoMs - this.#lastFrameMonoMs);
    return { ok, reason, detail, fps: this.#rate.perSecond(nowMonoMs), frameAgeMs };
  }

  /** Since the start: frames, bad pictures, restarts, frames replaced before they were taken, faults, driver's drops. */
  counters(): Record<string, number> {
    const faults = Object.entries(this.#faults.snapshot()).filter(([, count]) => count > 0);
    return {
      ...this.#counters.snapshot(),
      ...this.slot.replaced,
      ...Object.fromEntries(faults.map(([reason, count]) => [`fault-${reason}`, count])),
      ...this.#driverDrops(),
    };
  }

  /** The taker tells that a picture of this camera decoded. */
  reportDecoded(): void {
    this.#apply({ kind: 'decoded' });
  }

  /** The taker tells that a picture did not decode; so many in a row are a fault of the camera. */
  reportBadPicture(error: unknown): void {
    this.#counters.add('bad-pictures');
    this.#apply({ kind: 'bad-decode', detail: messageOf(error) });
    if (this.#state.phase === 'waiting' || this.#state.phase === 'ended') this.#life.abort();
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const life = new AbortController();
    this.#life = life;
    const onAbort = () => life.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#apply({ kind: 'opening' });
    this.#printDueMonoMs = 0;
    let source: FrameSource | undefined;
    try {
      source = this.#options.makeSource(this.#buffers);
      this.#source = source;
      await this.#within(FIRST_FRAME_MS, source.open(life.signal), 'open', life.signal);
      await this.#readAll(source, life.signal);
    } catch (error) {
      // A life that was given up from outside ends by an error too; what led to it is known already.
      if (!life.signal.aborted) {
        this.#apply({ kind: 'fault', reason: cameraReasonOf(error), detail: describe(error) });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      life.abort();
      if (source !== undefined) await this.#close(source);
    }
  }

  async #readAll(source: FrameSource, signal: AbortSignal): Promise<void> {
    while (this.#state.phase === 'starting' || this.#state.phase === 'running') {
      const limitMs = this.#state.phase === 'running' ? this.#stallMs : Math.max(this.#stallMs, FIRST_FRAME_MS);
      const frame = await this.#readOne(source, limitMs, signal);
      if (frame === 'bad') continue;
      if (frame === undefined) return this.#apply({ kind: 'ended' });
      this.#onFrame(frame);
      if (this.#state.phase !== 'running') return;
      if (this.#options.traits.every) await this.slot.putWhenFree(frame, signal);
      else this.slot.put(frame);
    }
  }

  async #readOne(source: FrameSource, limitMs: number, signal: AbortSignal): Promise<Frame | 'bad' | undefined> {
    try {
      return await this.#within(limitMs, source.read(signal), 'read', signal);
    } catch (error) {
      if (!(error instanceof OperationError) || error.code !== 'picture-invalid') throw error;
      this.#counters.add('bad-pictures');
      this.#options.log.debug('bad picture', { cameraId: this.#options.id, error: error.message });
      this.#apply({ kind: 'bad-read', detail: error.message });
      return 'bad';
    }
  }

  #onFrame(frame: Frame): void {
    const atMonoMs = this.#options.clock.monoMs();
    this.#counters.add('frames');
    this.#rate.add(atMonoMs);
    // A recording read as fast as it goes has a time of its own; its age is that of the reading.
    this.#lastFrameMonoMs = this.#options.traits.every ? atMonoMs : frame.capturedMonoMs;
    const event = { kind: 'frame' as const, atMonoMs, encoded: frame.picture.kind === 'encoded' };
    const isPrinted = this.#settings.live && atMonoMs >= this.#printDueMonoMs;
    if (isPrinted) this.#printDueMonoMs = atMonoMs + PRINT_INTERVAL_MS;
    this.#apply(isPrinted ? { ...event, print: fingerprint(frame) } : event);
  }

  #apply(event: CameraEvent): void {
    const before = this.#state;
    const after = reduceCamera(before, event, this.#settings);
    this.#state = after;
    if (after.failures > before.failures && after.reason !== undefined) this.#faults.add(after.reason);
    if (after.ok === before.ok && after.reason === before.reason && after.detail === before.detail) return;
    const fields = { cameraId: this.#options.id, reason: after.reason, detail: after.detail };
    if (after.ok) this.#options.log.info('camera gives frames', { cameraId: this.#options.id });
    else if (after.reason === 'paused') this.#options.log.info('camera paused', fields);
    else if (after.reason === 'ended') this.#options.log.info('camera ended', fields);
    else this.#options.log.warn('camera failed', fields);
    this.#options.onState(this.status());
  }

  #resumed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  async #waitBeforeRetry(signal: AbortSignal): Promise<void> {
    const delayMs = backoffDelayMs(this.#state.failures - 1, BACKOFF, this.#options.random.next());
    this.#counters.add('restarts');
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, done);
      signal.addEventListener('abort', done, { once: true });
      this.#endWait = done;
    });
  }

  #within<T>(limitMs: number, work: Promise<T>, op: string, signal: AbortSignal): Promise<T> {
    const late = () =>
      new OperationError({
        code: 'camera-frozen',
        op,
        subject: `camera ${this.#options.id}`,
        message: `no answer from the driver for ${limitMs} ms`,
        transient: true,
      });
    return withDeadline(this.#options.clock, limitMs, work, late, signal);
  }

  async #close(source: FrameSource): Promise<void> {
    const late = () => new Error(`the driver did not close in ${CLOSE_MS} ms`);
    await withDeadline(this.#options.clock, CLOSE_MS, source.close(), late).catch((error: unknown) => {
      this.#options.log.error('camera driver left behind', { cameraId: this.#options.id, error: messageOf(error) });
    });
    for (const [cause, count] of Object.entries(source.drops?.() ?? {})) {
      this.#pastDrops.set(cause, (this.#pastDrops.get(cause) ?? 0) + count);
    }
    this.#source = undefined;
  }

  #driverDrops(): Record<string, number> {
    const drops = Object.fromEntries(this.#pastDrops);
    for (const [cause, count] of Object.entries(this.#source?.drops?.() ?? {})) {
      drops[cause] = (drops[cause] ?? 0) + count;
    }
    return drops;
  }
}

/** A checksum of the picture: equal for equal pictures; a sensor's noise never repeats. */
function fingerprint(frame: Frame): number {
  return crc32(frame.picture.kind === 'rgb' ? frame.picture.data : frame.picture.bytes);
}

function describe(error: unknown): string {
  const hint = error instanceof OperationError && error.hint !== undefined ? ` (${error.hint})` : '';
  return messageOf(error) + hint;
}

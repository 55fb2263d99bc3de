import { OperationError } from '../../base/errors.js';
import type { CAMERA_REASONS } from '../../protocol/camera-reasons.js';

export type CameraReason = (typeof CAMERA_REASONS)[number];

/**
 * `starting`: a driver is being opened, no frame yet; `running`: frames come; `waiting`: the driver failed and a new one
 * is made after a delay; `paused`: somebody wanted it closed for a while; `ended`: for good.
 */
export type CameraPhase = 'starting' | 'running' | 'waiting' | 'paused' | 'ended';

export type CameraSettings = {
  /** A sensor stands behind it, so identical pictures mean that it froze. */
  readonly live: boolean;
  /** Plays once: a fault after the first frame ends it, because a new life would show the same frames again. */
  readonly once: boolean;
  /** How long the same picture may come before the camera counts as frozen, ms. */
  readonly frozenMs: number;
  /** How long a camera must run before its earlier failures are forgotten, ms. */
  readonly healthyMs: number;
  /** So many bad pictures in a row are a bad camera. */
  readonly badInRowMax: number;
};

export type CameraState = {
  readonly phase: CameraPhase;
  readonly ok: boolean;
  /** Present exactly when not ok. */
  readonly reason: CameraReason | undefined;
  /** The driver's own words. */
  readonly detail: string | undefined;
  /** Failed lives in a row; the delay before the next grows with it. */
  readonly failures: number;
  /** When the first frame of this life came, monotonic ms. */
  readonly runningSinceMonoMs: number | undefined;
  readonly delivered: boolean;
  readonly badReadsInRow: number;
  readonly badDecodesInRow: number;
  /** The newest picture's fingerprint, since when (monotonic ms) and how often it has come unchanged. */
  readonly print: { readonly value: number; readonly sinceMonoMs: number; readonly count: number } | undefined;
};

export type CameraEvent =
  | { readonly kind: 'opening' }
  /** @property print fingerprint of the picture, taken of some frames only. */
  | { readonly kind: 'frame'; readonly atMonoMs: number; readonly encoded: boolean; readonly print?: number }
  | { readonly kind: 'bad-read'; readonly detail: string }
  | { readonly kind: 'decoded' }
  | { readonly kind: 'bad-decode'; readonly detail: string }
  | { readonly kind: 'fault'; readonly reason: CameraReason; readonly detail: string }
  | { readonly kind: 'pause'; readonly detail: string }
  | { readonly kind: 'resume' }
  | { readonly kind: 'ended' };

export const INITIAL_CAMERA_STATE: CameraState = {
  phase: 'starting',
  ok: false,
  reason: 'starting',
  detail: undefined,
  failures: 0,
  runningSinceMonoMs: undefined,
  delivered: false,
  badReadsInRow: 0,
  badDecodesInRow: 0,
  print: undefined,
};

/** Fewer than this many identical pictures are chance, however long apart. */
const SAME_PICTURES_MIN = 3;
const DETAIL_CHARS_MAX = 300;

/** The state of a camera after an event. Pure; what is to be done follows from `phase`. */
export function reduceCamera(state: CameraState, event: CameraEvent, settings: CameraSettings): CameraState {
  if (state.phase === 'ended') return state;
  // What the life before the pause still says is over with it.
  if (state.phase === 'paused' && event.kind !== 'resume' && event.kind !== 'pause') return state;
  switch (event.kind) {
    case 'pause':
      return { ...state, phase: 'paused', ok: false, reason: 'paused', detail: clip(event.detail), failures: 0 };
    case 'resume':
      if (state.phase !== 'paused') return state;
      return { ...state, phase: 'starting', reason: 'starting', detail: undefined, print: undefined };
    case 'opening':
      // The reason stays until a frame proves it wrong: a retry is not yet a change.
      return { ...state, phase: 'starting', runningSinceMonoMs: undefined, badReadsInRow: 0, badDecodesInRow: 0 };
    case 'frame':
      return onFrame(state, event, settings);
    case 'bad-read': {
      const bad = { ...state, badReadsInRow: state.badReadsInRow + 1 };
      return bad.badReadsInRow < settings.badInRowMax ? bad : onGarbage(bad, event.detail, settings);
    }
    case 'decoded':
      return state.reason === 'garbage' && state.phase === 'running'
        ? { ...state, badDecodesInRow: 0, ok: true, reason: undefined, detail: undefined }
        : { ...state, badDecodesInRow: 0 };
    case 'bad-decode': {
      // A report that comes late is about a life that is over.
      if (state.phase !== 'running') return state;
      const bad = { ...state, badDecodesInRow: state.badDecodesInRow + 1 };
      return bad.badDecodesInRow < settings.badInRowMax ? bad : onGarbage(bad, event.detail, settings);
    }
    case 'fault':
      return onFault(state, event.reason, event.detail, settings);
    case 'ended':
      return { ...state, phase: 'ended', ok: false, reason: 'ended', detail: undefined };
  }
}

function onFrame(
  state: CameraState,
  event: Extract<CameraEvent, { kind: 'frame' }>,
  settings: CameraSettings,
): CameraState {
  // Frames that were on their way when the life was given up change nothing.
  if (state.phase === 'waiting') return state;
  const runningSinceMonoMs = state.runningSinceMonoMs ?? event.atMonoMs;
  const print = nextPrint(state.print, event);
  const healthy = event.atMonoMs - runningSinceMonoMs >= settings.healthyMs;
  const running: CameraState = {
    ...state,
    phase: 'running',
    runningSinceMonoMs,
    print,
    delivered: true,
    badReadsInRow: 0,
    failures: healthy ? 0 : state.failures,
  };
  if (settings.live && event.print !== undefined && isFrozen(print, event.atMonoMs, settings)) {
    const forS = Math.round((event.atMonoMs - (print?.sinceMonoMs ?? 0)) / 1000);
    return onFault(running, 'frozen', `the same picture for ${forS} s`, settings);
  }
  // What a fault was about, a frame must disprove: another picture after a frozen one, a decoded one after garbage.
  if (state.reason === 'frozen' && settings.live && event.print === undefined) return running;
  if (state.reason === 'garbage' && event.encoded) return running;
  return { ...running, ok: true, reason: undefined, detail: undefined };
}

function nextPrint(print: CameraState['print'], event: Extract<CameraEvent, { kind: 'frame' }>): CameraState['print'] {
  if (event.print === undefined) return print;
  if (print?.value === event.print) return { ...print, count: print.count + 1 };
  return { value: event.print, sinceMonoMs: event.atMonoMs, count: 1 };
}

function isFrozen(print: CameraState['print'], atMonoMs: number, settings: CameraSettings): boolean {
  if (print === undefined || print.count < SAME_PICTURES_MIN) return false;
  return atMonoMs - print.sinceMonoMs >= settings.frozenMs;
}

// A file played once is what it is: the bad pictures are passed over and the rest is shown.
function onGarbage(state: CameraState, detail: string, settings: CameraSettings): CameraState {
  if (settings.once) return { ...state, ok: false, reason: 'garbage', detail: clip(detail) };
  return onFault(state, 'garbage', detail, settings);
}

function onFault(state: CameraState, reason: CameraReason, detail: string, settings: CameraSettings): CameraState {
  const phase = settings.once && state.delivered ? 'ended' : 'waiting';
  return { ...state, phase, ok: false, reason, detail: clip(detail), failures: state.failures + 1 };
}

function clip(text: string): string {
  return text.slice(0, DETAIL_CHARS_MAX);
}

/** What an error of a driver means for the camera. */
export function cameraReasonOf(error: unknown): CameraReason {
  if (!(error instanceof OperationError)) return 'refused';
  switch (error.code) {
    case 'camera-unplugged':
    case 'not-found':
      return 'unplugged';
    case 'camera-frozen':
    case 'timeout':
      return 'frozen';
    case 'camera-garbage':
    case 'picture-invalid':
      return 'garbage';
    case 'camera-ended':
      return 'ended';
    default:
      return 'refused';
  }
}

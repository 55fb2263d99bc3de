import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OperationError } from '../../../base/errors.js';
import {
  type CameraEvent,
  type CameraSettings,
  type CameraState,
  cameraReasonOf,
  INITIAL_CAMERA_STATE,
  reduceCamera,
} from '../../../edge/capture/camera-state.js';

const LIVE: CameraSettings = { live: true, once: false, frozenMs: 30_000, healthyMs: 10_000, badInRowMax: 3 };
const LOOPED: CameraSettings = { ...LIVE, live: false };
const ONCE: CameraSettings = { ...LIVE, live: false, once: true };

const opening: CameraEvent = { kind: 'opening' };
const frame = (atMonoMs: number, print?: number): CameraEvent =>
  print === undefined
    ? { kind: 'frame', atMonoMs, encoded: false }
    : { kind: 'frame', atMonoMs, encoded: false, print };
const jpeg = (atMonoMs: number): CameraEvent => ({ kind: 'frame', atMonoMs, encoded: true });
const badRead: CameraEvent = { kind: 'bad-read', detail: 'the JPEG breaks off' };
const badDecode: CameraEvent = { kind: 'bad-decode', detail: 'broken jpeg' };
const decoded: CameraEvent = { kind: 'decoded' };
const unplugged: CameraEvent = { kind: 'fault', reason: 'unplugged', detail: 'no such device' };

function stateAfter(settings: CameraSettings, ...events: readonly CameraEvent[]): CameraState {
  return events.reduce((state, event) => reduceCamera(state, event, settings), INITIAL_CAMERA_STATE);
}

describe('a camera that works', () => {
  test('is starting until its first frame, then ok without a reason', () => {
    expect(stateAfter(LIVE, opening)).toMatchObject({ phase: 'starting', ok: false, reason: 'starting' });
    expect(stateAfter(LIVE, opening, frame(0))).toMatchObject({ phase: 'running', ok: true, reason: undefined });
  });
});

describe('a fault', () => {
  test('is told with its words, and stays told while the camera is opened again', () => {
    const failed = stateAfter(LIVE, opening, frame(0), unplugged);
    expect(failed).toMatchObject({ phase: 'waiting', ok: false, reason: 'unplugged', detail: 'no such device' });
    expect(reduceCamera(failed, opening, LIVE)).toMatchObject({ phase: 'starting', ok: false, reason: 'unplugged' });
  });

  test('is over with the next frame', () => {
    const state = stateAfter(LIVE, opening, unplugged, opening, frame(0));
    expect(state).toMatchObject({ ok: true, reason: undefined, detail: undefined });
  });

  test('counts on until the camera has run for a while', () => {
    const twice = stateAfter(LIVE, opening, frame(0), unplugged, opening, frame(1000), unplugged);
    expect(twice.failures).toBe(2);
    const back = reduceCamera(reduceCamera(twice, opening, LIVE), frame(2000), LIVE);
    expect(reduceCamera(back, frame(2000 + 9999), LIVE).failures).toBe(2);
    expect(reduceCamera(back, frame(2000 + 10_000), LIVE).failures).toBe(0);
  });

  test('is not undone by a frame that was still on its way', () => {
    expect(stateAfter(LIVE, opening, frame(0), unplugged, frame(1))).toMatchObject({ phase: 'waiting', ok: false });
  });

  test('has words of at most 300 characters', () => {
    const long: CameraEvent = { kind: 'fault', reason: 'refused', detail: 'x'.repeat(1000) };
    expect(stateAfter(LIVE, opening, long).detail).toHaveLength(300);
  });
});

describe('bad pictures', () => {
  test('so many in a row, less one, are nothing; one more is garbage', () => {
    expect(stateAfter(LIVE, opening, frame(0), badRead, badRead)).toMatchObject({ phase: 'running', ok: true });
    const state = stateAfter(LIVE, opening, frame(0), badRead, badRead, badRead);
    expect(state).toMatchObject({ phase: 'waiting', reason: 'garbage', detail: 'the JPEG breaks off' });
  });

  test('with a good one between them are nothing', () => {
    expect(stateAfter(LIVE, opening, badRead, badRead, frame(0), badRead, badRead)).toMatchObject({ ok: true });
    const between = [badDecode, badDecode, decoded, badDecode, badDecode];
    expect(stateAfter(LIVE, opening, jpeg(0), ...between)).toMatchObject({ ok: true });
  });

  test('that do not decode are not excused by more that were read', () => {
    const state = stateAfter(LIVE, opening, jpeg(0), badDecode, jpeg(1), badDecode, jpeg(2), badDecode);
    expect(state).toMatchObject({ phase: 'waiting', reason: 'garbage' });
  });

  test('after garbage an encoded frame proves nothing, a decoded one does', () => {
    const garbage = stateAfter(LIVE, opening, jpeg(0), badDecode, badDecode, badDecode, opening, jpeg(1));
    expect(garbage).toMatchObject({ phase: 'running', ok: false, reason: 'garbage' });
    expect(reduceCamera(garbage, decoded, LIVE)).toMatchObject({ ok: true, reason: undefined });
    expect(reduceCamera(garbage, frame(2), LIVE)).toMatchObject({ ok: true });
  });

  test('reported late, when the camera was given up already, count for nothing', () => {
    const waiting = stateAfter(LIVE, opening, frame(0), unplugged);
    expect(reduceCamera(waiting, badDecode, LIVE)).toBe(waiting);
  });

  test('in a file played once are passed over', () => {
    const state = stateAfter(ONCE, opening, jpeg(0), badDecode, badDecode, badDecode);
    expect(state).toMatchObject({ phase: 'running', ok: false, reason: 'garbage' });
    expect(reduceCamera(state, decoded, ONCE)).toMatchObject({ phase: 'running', ok: true });
  });
});

describe('a frozen picture', () => {
  const same = (count: number, stepMs: number) => Array.from({ length: count }, (_, i) => frame(i * stepMs, 99));

  test('is a fault after the time set, not before', () => {
    expect(stateAfter(LIVE, opening, ...same(30, 1000), frame(29_999, 99))).toMatchObject({ ok: true });
    const state = stateAfter(LIVE, opening, ...same(31, 1000));
    expect(state).toMatchObject({ phase: 'waiting', reason: 'frozen', detail: 'the same picture for 30 s' });
  });

  test('needs three pictures, however long apart', () => {
    expect(stateAfter(LIVE, opening, ...same(2, 60_000))).toMatchObject({ ok: true });
    expect(stateAfter(LIVE, opening, ...same(3, 60_000))).toMatchObject({ reason: 'frozen' });
  });

  test('stays frozen over restarts until another picture comes', () => {
    const frozen = stateAfter(LIVE, opening, ...same(31, 1000), opening);
    const still = reduceCamera(frozen, frame(32_000, 99), LIVE);
    expect(still).toMatchObject({ phase: 'waiting', reason: 'frozen', failures: 2 });
    const unknown = reduceCamera(frozen, frame(32_000), LIVE);
    expect(unknown).toMatchObject({ ok: false, reason: 'frozen' });
    expect(reduceCamera(frozen, frame(32_000, 98), LIVE)).toMatchObject({ ok: true });
  });

  test('that changed once in between is not frozen', () => {
    const events = [
      ...same(20, 1000),
      frame(20_000, 1),
      ...Array.from({ length: 20 }, (_, i) => frame(21_000 + i, 99)),
    ];
    expect(stateAfter(LIVE, opening, ...events)).toMatchObject({ ok: true });
  });

  test('in a file is a picture that does not move', () => {
    expect(stateAfter(LOOPED, opening, ...same(100, 1000))).toMatchObject({ ok: true });
  });
});

describe('the end', () => {
  test('of a source is no failure, and for good', () => {
    const ended = stateAfter(ONCE, opening, frame(0), { kind: 'ended' });
    expect(ended).toMatchObject({ phase: 'ended', ok: false, reason: 'ended', failures: 0 });
    for (const event of [opening, frame(1), unplugged, decoded]) expect(reduceCamera(ended, event, ONCE)).toBe(ended);
  });

  test('comes to a file played once by a fault behind its first frame, not before', () => {
    expect(stateAfter(ONCE, opening, unplugged)).toMatchObject({ phase: 'waiting', reason: 'unplugged' });
    expect(stateAfter(ONCE, opening, frame(0), unplugged)).toMatchObject({ phase: 'ended', reason: 'unplugged' });
  });
});

test('a reason is present exactly when the camera is not ok, after any events', () => {
  const event = fc.oneof(
    fc.constantFrom<CameraEvent>(opening, badRead, badDecode, decoded, unplugged),
    fc.tuple(fc.nat(100_000), fc.nat(2)).map(([atMonoMs, print]) => frame(atMonoMs, print)),
    fc.nat(100_000).map(jpeg),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.constantFrom(LIVE, LOOPED, ONCE), (events, settings) => {
      const state = stateAfter(settings, ...events);
      expect(state.ok).toBe(state.reason === undefined);
      if (state.phase === 'waiting' || state.phase === 'ended') expect(state.ok).toBe(false);
    }),
  );
});

test.each([
  ['camera-unplugged', 'unplugged'],
  ['not-found', 'unplugged'],
  ['camera-frozen', 'frozen'],
  ['timeout', 'frozen'],
  ['camera-garbage', 'garbage'],
  ['picture-invalid', 'garbage'],
  ['camera-ended', 'ended'],
  ['camera-refused', 'refused'],
  ['missing-program', 'refused'],
] as const)('error %s means %s', (code, reason) => {
  expect(cameraReasonOf(new OperationError({ code, op: 'read', subject: 'x', message: 'y' }))).toBe(reason);
  expect(cameraReasonOf(new TypeError('odd'))).toBe('refused');
});

describe('a pause', () => {
  const pause: CameraEvent = { kind: 'pause', detail: 'by operator for 60 s' };
  const resume: CameraEvent = { kind: 'resume' };

  test('is told with who wanted it, whatever the driver still says, until it is resumed', () => {
    const paused = stateAfter(LIVE, opening, frame(0), pause, frame(100), unplugged, badRead, decoded, opening);
    expect(paused).toMatchObject({ phase: 'paused', ok: false, reason: 'paused', detail: 'by operator for 60 s' });
    const resumed = reduceCamera(paused, resume, LIVE);
    expect(resumed).toMatchObject({ phase: 'starting', ok: false, reason: 'starting', detail: undefined });
    expect(reduceCamera(resumed, frame(200), LIVE)).toMatchObject({ phase: 'running', ok: true });
  });

  test('does nothing to a recording that has ended, nor resume to a camera that runs', () => {
    expect(stateAfter(ONCE, opening, frame(0), { kind: 'ended' }, pause)).toMatchObject({ phase: 'ended' });
    const state = stateAfter(LIVE, opening, frame(0));
    expect(reduceCamera(state, resume, LIVE)).toBe(state);
  });
});

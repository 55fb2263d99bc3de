import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { openLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { CameraConfig } from '../../../edge/camera-config.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import { feedOf } from '../../../edge/capture/source-factory.js';
import { CameraLoop } from '../../../edge/process/camera-loop.js';
import { Turns } from '../../../edge/process/turns.js';
import type { VisionReport } from '../../../edge/process/vision-message.js';
import type { BoxXyxyPx } from '../../../edge/vision/box.js';
import type { Detector } from '../../../edge/vision/detector.js';
import { eventually } from '../../eventually.js';

/** Sees a person in the middle, and answers when it is let. */
class SlowDetector implements Detector {
  readonly labels = ['person'];
  readonly inputWidthPx = 32;
  readonly inputHeightPx = 32;
  calls = 0;
  readonly #let: Promise<void>;

  constructor(letAnswer: Promise<void>) {
    this.#let = letAnswer;
  }

  async detect({ widthPx, heightPx }: RgbPicture) {
    this.calls++;
    await this.#let;
    const box: BoxXyxyPx = [widthPx / 4, heightPx / 4, (3 * widthPx) / 4, heightPx];
    return [{ classId: 0, label: 'person', score: 0.9, box }];
  }

  async close() {}
}

/** Nothing else happens in this thread while it looks, as with a model that runs in it. Sees nothing. */
class BlockingDetector implements Detector {
  readonly labels = ['person'];
  readonly inputWidthPx = 32;
  readonly inputHeightPx = 32;
  /** First byte of each picture. */
  readonly seen: number[] = [];
  readonly #lookMs: number;

  constructor(lookMs: number) {
    this.#lookMs = lookMs;
  }

  async detect({ data }: RgbPicture) {
    this.seen.push(data[0] ?? 0);
    const startedMs = performance.now();
    while (performance.now() - startedMs < this.#lookMs);
    return [];
  }

  async close() {}
}

/** Sees a person at a place that the picture's level tells, when it is let: one answer after the other, in order. */
class LetDetector implements Detector {
  readonly labels = ['person'];
  readonly inputWidthPx = 32;
  readonly inputHeightPx = 32;
  readonly #waiting: (() => void)[] = [];
  calls = 0;
  inFlightMax = 0;

  get inFlight(): number {
    return this.#waiting.length;
  }

  async detect({ data, widthPx, heightPx }: RgbPicture) {
    this.calls++;
    const x = ((data[0] ?? 0) / 255) * (widthPx / 2);
    const box: BoxXyxyPx = [x, 0, x + widthPx / 2, heightPx];
    const answered = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    await answered;
    return [{ classId: 0, label: 'person', score: 0.9, box }];
  }

  let(): void {
    this.#waiting.shift()?.();
  }

  async close() {}
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Grey pictures, each two levels lighter than the one before, as a recording. */
async function greyRecording(count: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vedette-loop-'));
  folders.push(folder);
  const pictures = Array.from({ length: count }, (_, i) => {
    const grey = { r: 10 + 2 * i, g: 10 + 2 * i, b: 10 + 2 * i };
    return sharp({ create: { width: 64, height: 48, channels: 3, background: grey } })
      .jpeg()
      .toBuffer();
  });
  const path = join(folder, 'grey.mjpeg');
  writeFileSync(path, Buffer.concat(await Promise.all(pictures)));
  return path;
}

const RECORDED = { motion: { enabled: false }, regions: { mode: 'whole' }, tracker: { hitsMin: 1, confirmMs: 0 } };

function settingsOf(config: Readonly<Record<string, unknown>>) {
  const { source, ...settings } = CameraConfig.parse(config);
  return { settings, feed: feedOf(source, { clock: new SystemClock(), simCommand: [] }) };
}

function freeTurns(places = 1): Turns {
  const turns = new Turns(new SystemClock());
  turns.open(places);
  return turns;
}

/** A loop over frames that are all looked at, with places for all it begins, and what it reports. */
function loopOver(detector: Detector, source: Readonly<Record<string, unknown>>, aheadMax: number) {
  const reports: VisionReport[] = [];
  const loop = new CameraLoop({
    ...{ id: 'front', ...settingsOf({ source, ...RECORDED }), detector, turns: freeTurns(1 + aheadMax), aheadMax },
    ...{ modelScoreMin: 0.3, firstTrackId: 1, audits: false, clock: new SystemClock(), random: new Random('test') },
    log: openLog('test', 'silent'),
    report: (report) => reports.push(report),
  });
  const tracks = () => reports.flatMap((report) => (report.type === 'track' ? [report] : []));
  return { loop, tracks };
}

describe('the loop of one camera', () => {
  it('ends what the look in progress finds when the camera is unplugged meanwhile', async () => {
    let letAnswer = () => {};
    const detector = new SlowDetector(
      new Promise((done) => {
        letAnswer = done;
      }),
    );
    const reports: VisionReport[] = [];
    const stop = new AbortController();
    const loop = new CameraLoop({
      id: 'front',
      ...settingsOf({
        // One frame, then its program ends.
        source: {
          driver: 'sim',
          seed: '1',
          argv: [process.execPath, resolve('test/data/bin/pipe-camera.mjs'), 'good', '1'],
        },
        tracker: { hitsMin: 1, confirmMs: 0 },
      }),
      detector,
      turns: freeTurns(),
      modelScoreMin: 0.3,
      firstTrackId: 7,
      audits: false,
      clock: new SystemClock(),
      random: new Random('test'),
      log: openLog('test', 'silent'),
      report: (report) => reports.push(report),
    });
    const run = loop.run(stop.signal);
    const tracks = () => reports.flatMap((report) => (report.type === 'track' ? [[report.ev, report.id]] : []));
    await eventually(() => detector.calls === 1, 'the frame is being looked at');
    await eventually(
      () => reports.some((report) => report.type === 'camera' && report.state.reason === 'unplugged'),
      'the camera is unplugged',
    );
    expect(tracks()).toEqual([]);
    letAnswer();
    await eventually(() => tracks().length === 2, 'the person came and went');
    expect(tracks()).toEqual([
      ['new', 7],
      ['end', 7],
    ]);
    const counts = reports.flatMap((report) => (report.type === 'count' ? [report.count] : []));
    expect(counts.at(-1)).toBe(0);
    stop.abort();
    await run;
  });

  it('looks at what is there now, not at what came while the detector held the thread, and counts that', async () => {
    const detector = new BlockingDetector(150);
    const stop = new AbortController();
    const loop = new CameraLoop({
      id: 'front',
      ...settingsOf({
        // 50 frames/s, each a level lighter than the one before.
        source: {
          driver: 'sim',
          seed: '1',
          argv: [process.execPath, resolve('test/data/bin/pipe-camera.mjs'), 'good', '100000'],
        },
        motion: { enabled: false },
        regions: { mode: 'whole' },
      }),
      detector,
      turns: freeTurns(),
      modelScoreMin: 0.3,
      firstTrackId: 1,
      audits: false,
      clock: new SystemClock(),
      random: new Random('test'),
      log: openLog('test', 'silent'),
      report: () => {},
    });
    const run = loop.run(stop.signal);
    await eventually(() => detector.seen.length >= 8, 'some looks', 30_000);
    const { replaced = 0, frames = 0 } = loop.tick().counters;
    stop.abort();
    await run;
    const steps = detector.seen.slice(1).map((level, i) => (level - (detector.seen[i] ?? 0) + 256) % 256);
    // Of seven or eight that come during a look; a busy machine may hold the camera back.
    expect(steps.reduce((sum, step) => sum + step, 0) / steps.length).toBeGreaterThan(2.5);
    expect(replaced / frames).toBeGreaterThan(0.5);
  });

  it('takes pictures that are asked for, holds an object to another score, and closes the camera for a pause', async () => {
    const detector = new SlowDetector(Promise.resolve());
    const reports: VisionReport[] = [];
    const stop = new AbortController();
    const loop = new CameraLoop({
      id: 'front',
      ...settingsOf({
        source: {
          driver: 'sim',
          seed: '1',
          argv: [process.execPath, resolve('test/data/bin/pipe-camera.mjs'), 'good', '100000'],
        },
        tracker: { hitsMin: 1, confirmMs: 0, missedMsMax: 0, exitMsMax: 0, stationaryMissedMsMax: 0 },
        regions: { wholeEveryMs: 0 },
      }),
      detector,
      turns: freeTurns(),
      modelScoreMin: 0.3,
      firstTrackId: 1,
      audits: false,
      clock: new SystemClock(),
      random: new Random('test'),
      log: openLog('test', 'silent'),
      report: (report) => reports.push(report),
    });
    const run = loop.run(stop.signal);
    const answerTo = (request: string) =>
      reports.find((report) => report.type === 'answer' && report.request === request);
    const lastCount = () => reports.flatMap((report) => (report.type === 'count' ? [report.count] : [])).at(-1);
    await eventually(() => lastCount() === 1, 'a person is in view');
    loop.ask({ type: 'snapshot', request: '1', camera: 'front', label: 'person' });
    loop.ask({ type: 'snapshot', request: '2', camera: 'front' });
    loop.ask({ type: 'snapshot', request: '3', camera: 'front', label: 'dog' });
    await eventually(() => ['1', '2', '3'].every((request) => answerTo(request) !== undefined), 'all are answered');
    expect(answerTo('1')).toMatchObject({ ok: true, label: 'person' });
    expect(answerTo('2')).toMatchObject({ ok: true, label: 'now' });
    expect(answerTo('3')).toMatchObject({ ok: false, code: 'not-found', message: 'no dog is in view' });
    const pictures = reports.flatMap((report) =>
      report.type === 'snapshot' && report.label === 'now' ? [report] : [],
    );
    expect([...(pictures[0]?.jpeg.subarray(0, 2) ?? [])]).toEqual([0xff, 0xd8]);

    loop.adjust({ scoresMin: {}, paused: 'by operator for 60 s' });
    await eventually(() => lastCount() === 0, 'nobody is in view of a closed camera');
    expect(reports.findLast((report) => report.type === 'camera')).toMatchObject({
      state: { ok: false, reason: 'paused', detail: 'by operator for 60 s', frameAgeMs: null },
    });
    // The detector is sure by 0.9: too little for an object that comes now.
    loop.adjust({ scoresMin: { person: 0.95 } });
    const looksBefore = detector.calls;
    await eventually(() => detector.calls > looksBefore + 10, 'it was looked at');
    expect(lastCount()).toBe(0);
    loop.adjust({ scoresMin: {} });
    await eventually(() => lastCount() === 1, 'the person is believed again');
    stop.abort();
    await run;
  });
});

describe('a recording, of which every frame is looked at', () => {
  const FRAMES = 12;

  async function play(aheadMax: number) {
    const detector = new LetDetector();
    const source = { driver: 'file', path: await greyRecording(FRAMES), fps: 'max', loop: false };
    const { loop, tracks } = loopOver(detector, source, aheadMax);
    const stop = new AbortController();
    const run = loop.run(stop.signal);
    const isOver = run.then(() => true);
    // Whatever may be begun is begun before each answer.
    for (let i = 0; i < FRAMES; i++) {
      const most = i === 0 ? 1 : Math.min(1 + aheadMax, FRAMES - i);
      await eventually(() => detector.inFlight === most, `look ${i}: ${most} in flight`);
      detector.let();
    }
    expect(await isOver).toBe(true);
    const { looked, inferences } = loop.tick().counters;
    expect({ looked, inferences, calls: detector.calls }).toEqual({
      ...{ looked: FRAMES, inferences: FRAMES, calls: FRAMES },
    });
    const seen = tracks().map(({ capturedAtMs: _, ...track }) => track);
    const times = tracks().map(({ capturedAtMs }) => capturedAtMs - (tracks()[0]?.capturedAtMs ?? 0));
    return { seen, times, inFlightMax: detector.inFlightMax };
  }

  it('has its next frame begun while the one before is looked at, and tells the same', async () => {
    const one = await play(0);
    expect(one.inFlightMax).toBe(1);
    for (const aheadMax of [1, 3]) {
      const { seen, times, inFlightMax } = await play(aheadMax);
      expect(inFlightMax).toBe(1 + aheadMax);
      expect({ seen, times }).toEqual({ seen: one.seen, times: one.times });
    }
    expect(one.seen.map(({ ev }) => ev)).toEqual(expect.arrayContaining(['new', 'end']));
  });

  it('ends what both frames find that were begun when the camera was closed', async () => {
    const detector = new LetDetector();
    const source = { driver: 'file', path: await greyRecording(FRAMES), fps: 'max' };
    const { loop, tracks } = loopOver(detector, source, 1);
    const stop = new AbortController();
    const run = loop.run(stop.signal);
    await eventually(() => detector.inFlight === 1, 'the first is looked at');
    detector.let();
    await eventually(() => detector.inFlight === 2, 'two are begun');
    loop.adjust({ scoresMin: {}, paused: 'by operator' });
    detector.let();
    detector.let();
    await eventually(() => tracks().at(-1)?.ev === 'end', 'what was open has ended');
    expect(tracks().filter(({ ev }) => ev === 'new').length).toBe(tracks().filter(({ ev }) => ev === 'end').length);
    expect(detector.inFlight).toBe(0);
    expect(loop.busyMs).toBe(0);
    stop.abort();
    await run;
  });

  it('waits for the newest frame of a camera, whatever its detector can do', async () => {
    const detector = new LetDetector();
    const argv = [process.execPath, resolve('test/data/bin/pipe-camera.mjs'), 'good', '100000'];
    const { loop } = loopOver(detector, { driver: 'sim', seed: '1', argv }, 1);
    const stop = new AbortController();
    const run = loop.run(stop.signal);
    for (let i = 0; i < 4; i++) {
      await eventually(() => detector.inFlight === 1, 'one is looked at');
      const { frames = 0 } = loop.tick().counters;
      await eventually(() => (loop.tick().counters.frames ?? 0) > frames + 2, 'more have come');
      detector.let();
    }
    expect(detector.inFlightMax).toBe(1);
    await eventually(() => detector.inFlight === 1, 'the last one');
    stop.abort();
    detector.let();
    await run;
  });
});

import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { openLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import { SourceLoops } from '../../../edge/process/source-loops.js';
import { Turns } from '../../../edge/process/turns.js';
import type { CandidateReport, TrackReport, VisionReport } from '../../../edge/process/vision-message.js';
import type { Detector } from '../../../edge/vision/detector.js';
import { eventually } from '../../eventually.js';

const detector: Detector = {
  ...{ labels: ['person'], inputWidthPx: 32, inputHeightPx: 32 },
  detect: async ({ widthPx, heightPx }: RgbPicture) => [
    { classId: 0, label: 'person', score: 0.9, box: [widthPx / 4, heightPx / 4, widthPx / 2, heightPx / 2] },
  ],
  close: async () => {},
};

function makeLoops() {
  const clock = new SystemClock();
  const turns = new Turns(clock);
  turns.open(1);
  const said: VisionReport[] = [];
  const report = (message: VisionReport) => said.push(message);
  const loops = new SourceLoops(report);
  const shared = { detector, turns, modelScoreMin: 0.5, audits: true, clock, random: new Random(1), report };
  const open = () => loops.open({ ...shared, log: openLog('test', 'silent'), onCount: () => {} });
  return { loops, said, open, turns };
}

describe('the loops of sources', () => {
  it('watch what is to be watched when the model is there, not what was taken back by then', async () => {
    const { loops, open } = makeLoops();
    for (const source of ['gate', 'yard']) loops.watch({ source, settings: {}, firstTrackId: 1 });
    await loops.unwatch('gate');
    open();
    expect([...loops.loops.keys()]).toEqual(['yard']);
    await loops.close();
  });

  it('take and count what comes before there is a model: nothing is to wait for it', () => {
    const { loops, said } = makeLoops();
    loops.watch({ source: 'yard', settings: {}, firstTrackId: 1 });
    const jpeg = new Uint8Array([0xff, 0xd8, 0xff]);
    loops.push({ type: 'frame', source: 'yard', jpeg, capturedAtMs: 1, digest: 'd'.repeat(16) });
    expect(said).toEqual([{ type: 'taken', source: 'yard' }]);
    expect(loops.unwatched).toBe(1);
  });

  it('follow, filter and place objects as cameras do, each record with the digest of its frame', async () => {
    const { loops, said, open } = makeLoops();
    open();
    // The detector's person stands at (0.375, 0.5).
    const band = (top: number, bottom: number) => ({
      polygon: [
        [0, top],
        [1, top],
        [1, bottom],
        [0, bottom],
      ],
      enterFrames: 1,
    });
    const zones = { gate: band(0.4, 0.6), roof: band(0, 0.3) };
    const seen = { motion: { enabled: false }, tracker: { hitsMin: 1, confirmMs: 0 }, zones };
    loops.watch({ source: 'yard', settings: { ...seen, objects: { labels: ['person'] } }, firstTrackId: 7 });
    loops.watch({ source: 'kennel', settings: { ...seen, objects: { labels: ['dog'] } }, firstTrackId: 1 });
    const picture = sharp({ create: { width: 64, height: 48, channels: 3, background: '#808080' } });
    const jpeg = new Uint8Array(await picture.jpeg().toBuffer());
    const tracks = () => said.filter((message): message is TrackReport => message.type === 'track');
    const looked = (source: string) => loops.loops.get(source)?.tick().counters.looked ?? 0;
    await eventually(() => {
      for (const source of ['yard', 'kennel']) {
        const digest = source === 'yard' ? 'd'.repeat(16) : 'e'.repeat(16);
        loops.push({ type: 'frame', source, jpeg, capturedAtMs: Date.now(), digest });
      }
      return tracks().some(({ z }) => z?.includes('gate')) && looked('kennel') >= 3;
    }, 'a track in a zone');
    expect(tracks().find(({ ev }) => ev === 'new')).toMatchObject({ camera: 'yard', id: 7, l: 'person' });
    for (const { camera, j, z } of tracks()) {
      expect([camera, j]).toEqual(['yard', 'd'.repeat(16)]);
      expect(z ?? []).not.toContain('roof');
    }
    await loops.close();
  });

  it('vouch for their own looks, not for what a device sends: the same picture twice is no fault of the node', async () => {
    const { loops, said, open, turns } = makeLoops();
    open();
    loops.watch({ source: 'yard', settings: {}, firstTrackId: 1 });
    const picture = sharp({ create: { width: 64, height: 48, channels: 3, background: '#808080' } });
    const jpeg = new Uint8Array(await picture.jpeg().toBuffer());
    const digest = createHash('sha256').update(jpeg).digest('hex').slice(0, 16);
    const candidate = () => said.find((message): message is CandidateReport => message.type === 'candidate');
    await eventually(() => {
      loops.push({ type: 'frame', source: 'yard', jpeg, capturedAtMs: Date.now(), digest });
      return candidate() !== undefined;
    }, 'a picture for audits');
    expect(candidate()).toMatchObject({ camera: 'yard', live: false });
    expect(turns.remembered).toBe(1);
    const { frames } = loops.loops.get('yard')?.tick().counters ?? {};
    await loops.close();
    expect(turns.remembered).toBe(0);
    expect(loops.gone.frames).toBeGreaterThanOrEqual(frames ?? 1);
  });
});

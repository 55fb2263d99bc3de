import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { openLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import { SourceLoops } from '../../../edge/process/source-loops.js';
import { Turns } from '../../../edge/process/turns.js';
import type { CandidateReport, VisionReport } from '../../../edge/process/vision-message.js';
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
  return { loops, said, open };
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

  it('vouch for their own looks, not for what a device sends: the same picture twice is no fault of the node', async () => {
    const { loops, said, open } = makeLoops();
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
    await loops.close();
  });
});

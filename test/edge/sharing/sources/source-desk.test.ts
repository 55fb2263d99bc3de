import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../../base/clock.js';
import { RetainedDocuments } from '../../../../base/link/retained-documents.js';
import { silentLog } from '../../../../base/log.js';
import { Random } from '../../../../base/random.js';
import type { VisionCommand } from '../../../../edge/process/vision-message.js';
import { ClaimsBoard } from '../../../../edge/sharing/claims-board.js';
import { SharingConfig } from '../../../../edge/sharing/config.js';
import { SourceDesk } from '../../../../edge/sharing/sources/source-desk.js';
import { HandLink } from '../../hand-link.js';

/** Sources as a test has them. */
class SourcesLink extends HandLink {
  frame(source: string, bytes: Uint8Array, retained = false): void {
    this.deliver(`vedette/1/source/${source}/frame`, bytes, retained);
  }

  info(source: string, more: object = {}): void {
    const info = new TextEncoder().encode(JSON.stringify({ v: 1, ...more }));
    this.deliver(`vedette/1/source/${source}/info`, info, true);
  }
}

function jpeg(number: number): Uint8Array {
  return Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, number]);
}

/** A node that is alone and has a model; `yard` is announced, and by now watched. */
async function watching(cameras: readonly string[] = []) {
  const clock = new SimulatedClock();
  const parts = { clock, random: new Random(1), log: silentLog };
  const link = new SourcesLink({ url: 'mqtt://127.0.0.1:1', clientId: 'me', root: 'vedette', ...parts });
  const documents = new RetainedDocuments(link, clock, silentLog);
  const shares = { sources: true, offers: false, audits: false };
  const claims = new ClaimsBoard({
    ...{ node: 'me', site: 'home', shares, beatMs: 10_000, link, documents, clock },
    onPeers: () => {},
  });
  const told: VisionCommand[] = [];
  const desk = new SourceDesk({
    ...{ node: 'me', config: SharingConfig.parse({ sources: true }), cameras, link, claims, documents },
    tellVision: (command) => told.push(command) > 0,
    firstTrackId: () => 7,
    ...{ clock, log: silentLog },
  });
  claims.set({ model: { id: 'm', sha256: '0'.repeat(64) } });
  claims.open();
  desk.open();
  link.up();
  link.info('yard');
  await clock.advance(10_000);
  const frames = () => told.flatMap((command) => (command.type === 'frame' ? [command] : []));
  return { clock, link, claims, desk, told, frames };
}

describe('the desk of sources', () => {
  it('watches what is announced, says so, and tells the vision process with which track number to begin', async () => {
    const { desk, claims, told } = await watching();
    expect(told).toEqual([{ type: 'watch', source: 'yard', settings: expect.anything(), firstTrackId: 7 }]);
    expect(claims.own.sources).toEqual([{ source: 'yard', as: 'owner' }]);
    expect(desk.boardOf('yard')).toBeDefined();
    desk.close();
    expect(told.at(-1)).toEqual({ type: 'unwatch', source: 'yard' });
  });

  it('gives on one frame at a time, the newest, with its digest', async () => {
    const { clock, link, desk, frames } = await watching();
    for (const number of [1, 2, 3]) link.frame('yard', jpeg(number));
    expect(frames()).toHaveLength(1);
    expect(frames()[0]).toMatchObject({ source: 'yard', digest: expect.stringMatching(/^[0-9a-f]{16}$/) });
    desk.onTaken('yard');
    await clock.advance(200);
    expect(frames().map((frame) => frame.jpeg.at(-1))).toEqual([1, 3]);
    expect(desk.counters()).toMatchObject({ 'source-frames': 3, 'source-given': 2, 'source-replaced': 1 });
    desk.close();
  });

  it('takes no frame that was retained, is no JPEG, or came twice, and counts each', async () => {
    const { link, desk, frames } = await watching();
    link.frame('yard', jpeg(1), true);
    link.frame('yard', Uint8Array.from([0x47, 0x49, 0x46]));
    expect(frames()).toEqual([]);
    link.frame('yard', jpeg(2));
    link.frame('yard', jpeg(2));
    expect(frames()).toHaveLength(1);
    const counts = { 'source-retained': 1, 'source-not-jpeg': 1, 'source-repeated': 1, 'source-frames': 1 };
    expect(desk.counters()).toMatchObject(counts);
    desk.close();
  });

  it('tells of a source that announces another type, and looks at what it sends all the same', async () => {
    const { clock, link, desk, claims, frames } = await watching();
    link.info('gate', { contentType: 'image/png' });
    await clock.advance(10_000);
    expect(desk.counters()).toMatchObject({ 'source-content-type': 1 });
    expect(claims.own.sources.map(({ source }) => source)).toEqual(['gate', 'yard']);
    link.frame('gate', Uint8Array.from([0x89, 0x50, 0x4e, 0x47]));
    link.frame('gate', jpeg(1));
    expect(frames().map(({ source }) => source)).toEqual(['gate']);
    expect(desk.counters()).toMatchObject({ 'source-not-jpeg': 1 });
    desk.close();
  });

  it('leaves a source alone that is called as a camera of its node', async () => {
    const { desk, told } = await watching(['yard']);
    expect(told).toEqual([]);
    expect(desk.counters()).toMatchObject({ 'source-name-taken': 1 });
    desk.close();
  });

  it('goes on watching when its vision process ended, and gives its successor what to watch', async () => {
    const { clock, link, claims, desk, frames } = await watching();
    link.frame('yard', jpeg(1));
    claims.set({ model: null });
    desk.onVisionLost('killed');
    expect(desk.watched()).toEqual([{ source: 'yard', settings: expect.anything(), firstTrackId: 7 }]);
    // What was under way is lost with it: the next one does not wait to be asked.
    link.frame('yard', jpeg(2));
    await clock.advance(200);
    expect(frames().map((frame) => frame.jpeg.at(-1))).toEqual([1, 2]);
    desk.close();
  });
});

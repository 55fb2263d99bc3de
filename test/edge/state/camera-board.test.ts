import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { RetainedDocuments } from '../../../base/link/retained-documents.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { CameraBoard } from '../../../edge/state/camera-board.js';
import { routes } from '../../../protocol/routes.js';

/** Documents that note what was shown; nothing is sent, the link is never opened. */
class NotedDocuments extends RetainedDocuments {
  readonly shown: string[] = [];

  override set(...[route, params, payload]: Parameters<RetainedDocuments['set']>): void {
    const levels = Object.values(params).slice(1).join('/');
    this.shown.push(`${levels} ${payload instanceof Uint8Array ? `${payload.length} bytes` : JSON.stringify(payload)}`);
    super.set(route, params, payload);
  }
}

const clock = new SimulatedClock();
const link = new Link({
  url: 'mqtt://127.0.0.1:1',
  clientId: 'cam1',
  root: 'vedette',
  clock,
  random: new Random(1),
  log: silentLog,
});

describe('the board of a camera', () => {
  const well = (fps: number) => ({ ok: true, fps, frameAgeMs: 40 });
  let documents = new NotedDocuments(link, clock, silentLog);
  let board = new CameraBoard(documents, 'cam1', 'front');
  beforeEach(() => {
    documents = new NotedDocuments(link, clock, silentLog);
    board = new CameraBoard(documents, 'cam1', 'front');
  });

  it('tells a state when it changes, a rate that moved after 5 s, and all else once a minute', () => {
    const shownAt = [0, 1, 4.9, 5, 10, 40, 64.9, 65].filter((second) => {
      const before = documents.shown.length;
      board.showState(well(second === 0 ? 1 : 10), 0, second * 1000);
      return documents.shown.length > before;
    });
    expect(shownAt).toEqual([0, 5, 65]);
    board.showState({ ok: false, reason: 'frozen', fps: 0, frameAgeMs: 9000 }, 0, 65_001);
    expect(documents.shown.at(-1)).toContain('"reason":"frozen"');
  });

  it('shows nothing in view and nothing moving once nobody watches', () => {
    board.showCount('person', 2);
    board.showCount('traffic light', 1);
    board.showMotion(true);
    board.clear('detector', 'the vision process ended', 0, 0);
    expect(documents.shown.slice(-4)).toEqual([
      'front/person "0"',
      'front/traffic-light "0"',
      'front "OFF"',
      expect.stringContaining('"reason":"detector"'),
    ]);
  });

  it('refuses a picture larger than its route allows', () => {
    const limit = routes.snapshot.payloadBytesMax;
    expect(board.showSnapshot('person', new Uint8Array(limit))).toBe(true);
    expect(board.showSnapshot('person', new Uint8Array(limit + 1))).toBe(false);
  });
});

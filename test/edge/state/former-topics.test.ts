import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { RetainedDocuments } from '../../../base/link/retained-documents.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { FormerTopics } from '../../../edge/state/former-topics.js';
import { HandLink } from '../hand-link.js';

/** Documents that note what became of topics; nothing is sent. */
class NotedDocuments extends RetainedDocuments {
  readonly noted: string[] = [];

  override set(...[, params, payload]: Parameters<RetainedDocuments['set']>): void {
    this.noted.push(`${levelsOf(params)} = ${payload}`);
  }

  override clear(...[route, params]: Parameters<RetainedDocuments['clear']>): void {
    this.noted.push(`${levelsOf(params)} ${route.pattern.split('/')[4]} emptied`);
  }
}

function levelsOf(params: Readonly<Record<string, string>>): string {
  return Object.values(params).slice(1).join('/');
}

const STATE = JSON.stringify({ v: 1, ok: true, fps: 5, frameAgeMs: 20, atMs: 1 });

describe('topics of an earlier life', () => {
  let clock = new SimulatedClock();
  let link: HandLink;
  let documents: NotedDocuments;
  let counts: Map<string, ReadonlyMap<string, number>>;
  let former: FormerTopics;
  const deliver = (below: string, payload: string, retained = true) =>
    link.deliver(`vedette/1/node/me/camera/${below}`, new TextEncoder().encode(payload), retained);

  beforeEach(() => {
    clock = new SimulatedClock();
    const parts = { clock, random: new Random(1), log: silentLog };
    link = new HandLink({ url: 'mqtt://127.0.0.1:1', clientId: 'me', root: 'vedette', ...parts });
    documents = new NotedDocuments(link, clock, silentLog);
    counts = new Map([['door', new Map([['traffic light', 2]])]]);
    former = new FormerTopics({
      ...{ node: 'me', link, documents, clock, log: silentLog },
      countsOf: (camera) => counts.get(camera),
    });
    former.open();
    link.up();
  });

  it('are emptied where this node has no such camera, pictures too', () => {
    deliver('yard/state', STATE);
    deliver('yard/count/person', '1');
    deliver('yard/snapshot/person', 'a picture');
    deliver('door/state', STATE);
    deliver('door/snapshot/person', 'a picture');
    expect(documents.noted).toEqual([
      'yard state emptied',
      'yard motion emptied',
      'yard/person count emptied',
      'yard/person snapshot emptied',
    ]);
  });

  it('count nobody where nothing is shown now, and leave what is', () => {
    deliver('door/count/person', '3');
    deliver('door/count/dog', '0');
    deliver('door/count/traffic-light', '1');
    expect(documents.noted).toEqual(['door/person = 0']);
  });

  it('are not what is published just now, nor of a source that is watched by then', () => {
    deliver('yard/state', STATE, false);
    deliver('door/count/person', '1', false);
    expect(documents.noted).toEqual([]);
    deliver('yard/state', STATE);
    counts.set('yard', new Map());
    deliver('yard/snapshot/person', 'a picture');
    expect(documents.noted).toEqual(['yard state emptied', 'yard motion emptied']);
  });

  it('are read for half a minute after each connect', async () => {
    await clock.advance(30_000);
    deliver('yard/count/person', '1');
    expect(documents.noted).toEqual([]);
    link.up();
    deliver('yard/count/person', '1');
    expect(documents.noted).toEqual(['yard/person count emptied']);
    former.close();
    deliver('yard/count/dog', '1');
    link.up();
    deliver('yard/count/cat', '1');
    expect(documents.noted).toHaveLength(1);
  });

  it('of more cameras than a board has are left', () => {
    for (let i = 0; i < 70; i++) deliver(`old${i}/state`, STATE);
    expect(documents.noted).toHaveLength(2 * 64);
  });
});

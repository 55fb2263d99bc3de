import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { RetainedDocuments } from '../../../base/link/retained-documents.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { ClaimsBoard } from '../../../edge/sharing/claims-board.js';
import { Claims } from '../../../protocol/sharing.js';
import { HandLink } from '../hand-link.js';

/** Statuses and claims as a test has them. */
class PeersLink extends HandLink {
  say(topic: string, payload: object): void {
    this.deliver(`vedette/1/node/${topic}`, new TextEncoder().encode(JSON.stringify(payload)), false);
  }
}

const statusOf = (state: string) => ({ v: 1, state, gen: 1, sid: 's', inv: 'i', boot: 'b', version: '1' });
const CLAIMS = Claims.parse({
  ...{ v: 1, site: 'home', state: 'active', beatMs: 10_000, model: null, capacityFps: 10, spareFps: 5 },
  ...{ shares: { sources: true, offers: true, audits: true }, sources: [], heard: [], doubts: [] },
});

function boardWith(peers: number) {
  const clock = new SimulatedClock();
  const link = new PeersLink({
    ...{ url: 'mqtt://127.0.0.1:1', clientId: 'me', root: 'vedette', clock, random: new Random(1), log: silentLog },
  });
  const documents = new RetainedDocuments(link, clock, silentLog);
  let looks = 0;
  const board = new ClaimsBoard({
    ...{ node: 'me', site: 'home', shares: CLAIMS.shares, beatMs: 10_000, link, documents, clock },
    onPeers: () => {
      looks++;
    },
  });
  board.open();
  const nodes = Array.from({ length: peers }, (_, i) => `cam${i}`);
  for (const node of nodes) {
    link.say(`${node}/status`, statusOf('online'));
    link.say(`${node}/claims`, CLAIMS);
  }
  return { clock, board, link, nodes, looks: () => looks };
}

describe('the board of claims', () => {
  it('of a few nodes has each change looked at as it comes', () => {
    const { link, board, looks } = boardWith(3);
    const before = looks();
    link.say('cam1/claims', { ...CLAIMS, spareFps: 1 });
    expect(looks()).toBe(before + 1);
    board.close();
  });

  it('of hundreds has them looked at a few times a second, however many there are, and the last one soon', async () => {
    const { clock, link, nodes, board, looks } = boardWith(300);
    await clock.advance(1_000);
    const before = looks();
    for (let round = 0; round < 5; round++) {
      for (const node of nodes) link.say(`${node}/claims`, { ...CLAIMS, spareFps: round });
      await clock.advance(100);
    }
    expect(looks() - before).toBeLessThanOrEqual(3);
    link.say('cam7/status', statusOf('lost'));
    const seen = looks();
    await clock.advance(200);
    expect(looks()).toBeGreaterThan(seen);
    expect(board.peers().find(({ node }) => node === 'cam7')).toMatchObject({ isActive: false });
    board.close();
  });
});

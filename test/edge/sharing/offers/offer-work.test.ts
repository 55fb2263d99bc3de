import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../../base/clock.js';
import { RetainedDocuments } from '../../../../base/link/retained-documents.js';
import { silentLog } from '../../../../base/log.js';
import { Random } from '../../../../base/random.js';
import type { OfferReport, VisionCommand } from '../../../../edge/process/vision-message.js';
import { ClaimsBoard } from '../../../../edge/sharing/claims-board.js';
import { LookCaller } from '../../../../edge/sharing/look-caller.js';
import { LoadWatch } from '../../../../edge/sharing/offers/load-watch.js';
import { OfferWork } from '../../../../edge/sharing/offers/offer-work.js';
import { decodePayload, encodePayload } from '../../../../protocol/codec.js';
import { buildTopic, type Params, type Route, routes } from '../../../../protocol/routes.js';
import { Claims } from '../../../../protocol/sharing.js';
import { HandLink } from '../../hand-link.js';

const MODEL = 'a'.repeat(64);
const JPEG = Uint8Array.from([0xff, 0xd8, 0xff, 0xd9]);

/** Keeps what is sent. */
class SendingLink extends HandLink {
  readonly sent: { readonly topic: string; readonly bytes: Uint8Array }[] = [];

  override async publishEncoded<P extends string>(
    route: Route<P>,
    params: Params<P>,
    bytes: Uint8Array,
  ): Promise<void> {
    this.sent.push({ topic: buildTopic('vedette', route, params), bytes });
  }

  say(topic: string, payload: object): void {
    this.deliver(`vedette/1/${topic}`, new TextEncoder().encode(JSON.stringify(payload)), false);
  }

  to(kind: string): string[] {
    return this.sent.map(({ topic }) => topic).filter((topic) => topic.includes(`/${kind}/`));
  }
}

const STATUS = { v: 1, state: 'online', gen: 1, sid: 's', inv: 'i', boot: 'b', version: '1' };
const claimsOf = (more: object) =>
  Claims.parse({
    ...{ v: 1, site: 'home', state: 'active', beatMs: 10_000, model: { id: 'm', sha256: MODEL } },
    ...{ capacityFps: 50, spareFps: 40, shares: { sources: false, offers: true, audits: false } },
    ...{ sources: [], heard: [], doubts: [], ...more },
  });

/** A node at `home` that shares offers; nothing of its vision process but what it is told. */
function working(otherSites: boolean) {
  const clock = new SimulatedClock();
  const parts = { clock, random: new Random(1), log: silentLog };
  const link = new SendingLink({ url: 'mqtt://127.0.0.1:1', clientId: 'me', root: 'vedette', ...parts });
  const documents = new RetainedDocuments(link, clock, silentLog);
  const shares = { sources: false, offers: true, audits: false };
  const told: VisionCommand[] = [];
  const tellVision = (command: VisionCommand) => told.push(command) > 0;
  const claims: ClaimsBoard = new ClaimsBoard({
    ...{ node: 'me', site: 'home', shares, beatMs: 10_000, link, documents, clock },
    onPeers: () => work.onPeers(),
  });
  const work: OfferWork = new OfferWork({
    ...{ node: 'me', site: 'home', otherSites, offersMax: 4, link, claims, tellVision, load: new LoadWatch() },
    ...{ looks: new LookCaller({ clock, tellVision }), ...parts },
  });
  claims.open();
  work.open();
  work.onModel({ id: 'm', sha256: MODEL, labels: ['person'] });
  const meet = (node: string, more: object) => {
    link.say(`node/${node}/status`, STATUS);
    link.say(`node/${node}/claims`, claimsOf(more));
  };
  const offer = (request: string) => {
    const report: OfferReport = { type: 'offer', request, jpeg: JPEG, scoreMin: 0.3, widthPx: 64, heightPx: 48 };
    work.onOffer(report);
  };
  return { clock, link, claims, work, told, meet, offer };
}

describe('looks given to others', () => {
  it.each([
    ['of another site', { site: 'barn' }],
    ['of another model', { model: { id: 'm', sha256: 'b'.repeat(64) } }],
    ['that does not share offers', { shares: { sources: true, offers: false, audits: true } }],
    ['that is overloaded', { state: 'overloaded' }],
    ['that has nothing to spare', { spareFps: 0 }],
  ])('never go to a node %s', (_, more) => {
    const { link, work, told, meet, offer } = working(false);
    meet('cam2', more);
    offer('r1');
    expect(link.to('offer')).toEqual([]);
    expect(told).toContainEqual({ type: 'offered', request: 'r1' });
    expect(work.counters()).toMatchObject({ 'offer-none': 1, 'offer-sent': 0 });
    work.close();
  });

  it('go to another site where that is allowed, and come back as boxes of the picture', () => {
    const { link, work, told, meet, offer } = working(true);
    meet('cam2', { site: 'barn' });
    offer('r1');
    expect(link.to('offer')).toEqual(['vedette/1/to/cam2/offer/me']);
    const { id, picture } = decodePayload(routes.offer, link.sent.at(-1)?.bytes ?? JPEG);
    expect([...picture]).toEqual([...JPEG]);
    const boxes = [{ l: 'person', p: 0.9, b: [1, 1, 20, 20] }];
    link.say('to/me/boxes/cam3', { v: 1, id, ok: true, boxes });
    link.say('to/me/boxes/cam2', { v: 1, id, ok: true, boxes });
    expect(told.filter(({ type }) => type === 'offered')).toEqual([{ type: 'offered', request: 'r1', boxes }]);
    expect(work.counters()).toMatchObject({ 'offer-done': 1, 'offer-unasked': 1 });
    work.close();
  });

  it('end without boxes when these cannot be of the picture, or do not come', async () => {
    const { clock, link, work, told, meet, offer } = working(false);
    meet('cam2', {});
    offer('r1');
    const { id } = decodePayload(routes.offer, link.sent.at(-1)?.bytes ?? JPEG);
    link.say('to/me/boxes/cam2', { v: 1, id, ok: true, boxes: [{ l: 'person', p: 0.9, b: [1, 1, 90, 20] }] });
    expect(work.counters()).toMatchObject({ 'offer-bad': 1, 'offer-unreadable': 1 });
    meet('cam3', {});
    offer('r2');
    await clock.advance(2_500);
    expect(work.counters()).toMatchObject({ 'offer-late': 1 });
    expect(told.filter(({ type }) => type === 'offered')).toEqual([
      { type: 'offered', request: 'r1' },
      { type: 'offered', request: 'r2' },
    ]);
    work.close();
  });
});

describe('looks of others', () => {
  const ask = (link: SendingLink, from: string, model = MODEL) => {
    const head = { v: 1, id: 'x1', model, deadlineMs: 500, scoreMin: 0.3, widthPx: 64, heightPx: 48 };
    const topic = buildTopic('vedette', routes.offer, { recipient: 'me', sender: from });
    link.deliver(topic, encodePayload(routes.offer, { ...head, picture: JPEG }), false);
  };

  it.each([
    ['closed', 'who shares nothing', undefined, MODEL],
    ['closed', 'who is of another site', { site: 'barn' }, MODEL],
    ['model', 'who has another model', {}, 'b'.repeat(64)],
  ])('are refused as %s to %s', (code, _, more, model) => {
    const { link, work, told, meet } = working(false);
    if (more !== undefined) meet('cam2', more);
    ask(link, 'cam2', model);
    expect(told).toEqual([]);
    expect(link.to('boxes')).toEqual(['vedette/1/to/cam2/boxes/me']);
    expect(decodePayload(routes.boxes, link.sent.at(-1)?.bytes ?? JPEG)).toMatchObject({ ok: false, code });
    expect(work.counters()).toMatchObject({ [`take-${code}`]: 1 });
    work.close();
  });
});

import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../../base/clock.js';
import type { LookReport, VisionCommand } from '../../../../edge/process/vision-message.js';
import { LookCaller } from '../../../../edge/sharing/look-caller.js';
import { OFFER_LIMITS } from '../../../../edge/sharing/offers/offer-limits.js';
import { TakingDesk } from '../../../../edge/sharing/offers/taking-desk.js';

const picture = new Uint8Array([0xff, 0xd8, 0xff]);
const offer = { v: 1, model: 'a'.repeat(64), deadlineMs: 500, scoreMin: 0.3, widthPx: 8, heightPx: 8, picture };

/** A node with time for others, and what it answers them. */
function make() {
  const clock = new SimulatedClock();
  const requests: string[] = [];
  const tellVision = (command: VisionCommand) => command.type === 'look' && requests.push(command.request) > 0;
  const looks = new LookCaller({ clock, tellVision });
  const answers: object[] = [];
  const answer = (to: string, boxes: object) => answers.push({ to, ...boxes });
  const desk = new TakingDesk({ limits: OFFER_LIMITS, clock, looks, answer });
  desk.setSpare(10);
  const looked = async (report: Pick<LookReport, 'ok'> & Partial<LookReport>) => {
    looks.onLooked({ type: 'looked', request: requests.at(-1) ?? '', ...report });
    await clock.advance(0);
  };
  return { clock, desk, answers, looked };
}

describe('a look taken for another node', () => {
  it('is answered with what was seen', async () => {
    const { clock, desk, answers, looked } = make();
    await clock.advance(1_000);
    desk.onOffer('cam2', { ...offer, id: 'x1' }, undefined);
    await looked({ ok: true, boxes: [], widthPx: 8, heightPx: 8, tookMs: 30 });
    expect(answers).toEqual([{ to: 'cam2', id: 'x1', ok: true, boxes: [], tookMs: 30 }]);
    expect(desk.counters).toMatchObject({ 'take-done': 1 });
  });

  it('is answered too when it had no turn in time: who asked learns that this node is slow, not gone', async () => {
    const { clock, desk, answers, looked } = make();
    await clock.advance(1_000);
    desk.onOffer('cam2', { ...offer, id: 'x1' }, undefined);
    await clock.advance(500);
    await looked({ ok: false, code: 'late', message: 'no turn in 500 ms' });
    expect(answers).toEqual([{ to: 'cam2', id: 'x1', ok: false, code: 'late' }]);
    expect(desk.counters).toMatchObject({ 'take-late': 1 });
  });
});

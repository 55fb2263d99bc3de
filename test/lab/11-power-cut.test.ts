import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';

const board = new Board(3);
const unit = unitOf('cam3');
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
});
afterAll(() => watch.close());

describe('a power cut', () => {
  it('is noticed by the keep alive alone; the node is back by itself when the power is', async () => {
    const before = await watch.serving('cam3');
    const { mark } = watch;
    const cutMs = Date.now();
    await lab('power-off', '3');
    await watch.waitFor('the will', () => watch.isLost('cam3', mark), 60_000);
    const willS = ((Date.now() - cutMs) / 1000).toFixed(1);
    const onMs = Date.now();
    await lab('power-on', '3');
    const recovery = await watch.back('cam3', before, mark, onMs);
    expect(await board.property(unit, 'NRestarts')).toBe('0');
    report('power cut', recovery, `will ${willS} s after the cut; times from power on; nobody acted`);
  });

  it('forgets no maintenance', async () => {
    expect(await board.boardctl(`maintenance on ${unit} 3600 anna lens-cleaning`)).toMatchObject({ kept: 'disk' });
    await lab('power-off', '3');
    await lab('power-on', '3');
    const probe = await board.boardctl(`probe ${unit}`);
    expect(probe).toMatchObject({ outcome: 'ok', maintenance: { by: 'anna', reason: 'lens-cleaning' } });
    await board.boardctl(`maintenance off ${unit}`);
  });
});

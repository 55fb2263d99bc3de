import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(() => watch.close());

describe('the start limit', () => {
  it('leaves a failed unit and its last words; the forced command revives it', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const faultMs = Date.now();
    await board.crashLoop(unit);
    expect(await board.property(unit, 'ActiveState')).toBe('failed');
    const probe = await board.boardctl(`probe ${unit}`);
    expect(probe).toMatchObject({ active: 'failed', inv: await board.invocation(unit), health: null });
    const kept = await board.console('cat', `/var/log/vedette-failed/${unit.replace('.service', '')}.log`);
    expect(kept).toContain('Result=');
    expect(kept).toContain('node runs');
    const bare = await board.tried('systemctl', 'restart', unit);
    expect(bare.status, 'a bare restart is refused at the start limit').not.toBe(0);
    const revivedMs = Date.now();
    const answer = await board.boardctl(`restart ${unit} ${String((await board.boardctl(`probe ${unit}`)).inv)}`);
    expect(answer).toMatchObject({ outcome: 'restarted', audit: 'written' });
    const recovery = await watch.back('cam2', before, mark, revivedMs);
    expect(await board.audit(faultMs)).toHaveLength(1);
    report('start limit reached', recovery, 'revived by the forced command, from its call on');
  });
});

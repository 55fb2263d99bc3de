import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(async () => {
  await board.tried('systemctl', 'start', unit);
  await watch.close();
});

describe('orders over SSH', () => {
  it('of two monitors for one death: one acts, the other is told that it is done', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const askedMs = Date.now();
    const order = `restart ${unit} ${before}`;
    const answers = await Promise.all([board.boardctl(order), board.boardctl(order)]);
    // On a board so slow that the old life is still ending after 10 s, the other one is told to come again: also no act.
    const other = answers.find(({ outcome }) => outcome !== 'restarted');
    expect(['already-restarted', 'failed']).toContain(other?.outcome);
    if (other?.outcome === 'failed') expect(other.why).toBe('busy');
    expect(answers.filter(({ outcome }) => outcome === 'restarted')).toHaveLength(1);
    const recovery = await watch.back('cam2', before, mark, askedMs);
    expect(watch.births('cam2', mark)).toEqual([recovery.invocation]);
    report('two monitors, one death', recovery, 'one restart, one already-restarted');
  });

  it('that comes late from an old incident does nothing', async () => {
    const before = await watch.serving('cam2');
    await lab('kill', '2', unit);
    await watch.back('cam2', before, watch.mark, Date.now());
    expect(await board.boardctl(`restart ${unit} ${before}`)).toMatchObject({ outcome: 'already-restarted' });
  });

  it('leave a unit stopped that a person stopped', async () => {
    const before = await watch.serving('cam2');
    await board.console('systemctl', 'stop', unit);
    expect(await board.boardctl(`probe ${unit}`)).toMatchObject({
      active: 'inactive',
      result: 'success',
      health: null,
    });
    expect(await board.boardctl(`restart ${unit} ${before}`)).toMatchObject({ outcome: 'held', why: 'stopped' });
    expect(await board.property(unit, 'ActiveState')).toBe('inactive');
    await board.console('systemctl', 'start', unit);
    await watch.serving('cam2');
    report('unit stopped by a person', undefined, 'held: it stays stopped');
  });

  it('do not reach a host whose key is another one', async () => {
    const { status, err } = await board.ssh([`probe ${unit}`], ['-o', 'HostKeyAlias=board3']);
    expect(status).toBe(255);
    expect(err).toContain('Host key verification failed');
    report('wrong host key', undefined, 'no log-in');
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';

const board = new Board(2);
const unit = unitOf('cam2');
const STATE = '/var/lib/vedette-boardctl';
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(async () => {
  await lab('free-disk', '2');
  await watch.close();
});

describe('a full disk', () => {
  it.each([
    ['but for the reserve of root', []],
    ['to the last block', ['--root']],
  ])('%s: the board says so, and its node is restarted all the same', async (what, options) => {
    const before = await watch.serving('cam2');
    // A log that has room left in its last block could still take a line.
    await board.console('rm', '-f', '/var/lib/vedette-boardctl/audit.jsonl');
    await lab('fill-disk', '2', ...options);
    expect(await watch.serving('cam2'), 'it keeps detecting').toBe(before);
    expect(await board.boardctl(`probe ${unit}`)).toMatchObject({ outcome: 'ok', disk: 'full', diskFreeKiB: 0 });
    const { mark } = watch;
    const askedMs = Date.now();
    const answer = await board.boardctl(`restart ${unit} ${before}`);
    expect(answer).toMatchObject({ outcome: 'restarted', audit: 'full' });
    const recovery = await watch.back('cam2', before, mark, askedMs);
    await lab('free-disk', '2');
    report(
      `disk full ${what}`,
      recovery,
      'restarted by the forced command; it said that it could not record it on disk',
    );
  });
});

describe('a read-only disk', () => {
  it('is said; a restart is not refused for it', async () => {
    const before = await watch.serving('cam2');
    await board.console('mount', '--bind', STATE, STATE);
    await board.console('mount', '-o', 'remount,bind,ro', STATE);
    try {
      expect(await board.boardctl(`probe ${unit}`)).toMatchObject({ outcome: 'ok', disk: 'read-only' });
      const answer = await board.boardctl(`restart ${unit} ${before}`);
      expect(answer).toMatchObject({ outcome: 'restarted', audit: 'read-only' });
    } finally {
      await board.console('umount', STATE);
    }
    await watch.serving('cam2');
    expect(await board.invocation(unit)).not.toBe(before);
    report('disk read-only', undefined, 'restarted by the forced command; it said that the disk takes no writes');
  });
});

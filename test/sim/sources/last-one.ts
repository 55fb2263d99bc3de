import type { Random } from '../../../base/random.js';
import type { Stage } from '../scenario.js';
import { SourceDevice } from './source-device.js';
import { UNWATCHED_MAX_MS } from './source-oracle.js';
import { WatchingNode } from './watching-node.js';

/** Looks are counted for this long: of a source in its turn among ten, at a node that does two a second, some eight. */
const COUNTED_MS = 40_000;
/** Of its fair share a source has at least this much. */
const SHARE_MIN = 0.5;

/**
 * All nodes end but one, which is there in time for each source, and gives each its share of what it can do: what it
 * sends, or as much as any other source that sends more than it gets.
 * @param watch called each second, as all the time before.
 */
export function judgeLastOne({ world, book }: Stage, random: Random, watch: () => void): void {
  const running = [...world.boards].filter(
    ([, { state }]) => state instanceof WatchingNode && state.broker !== undefined && !state.isLeaving,
  );
  if (running.length === 0) return;
  const [last] = random.pick(running);
  for (const [name, board] of world.boards) if (board.state instanceof WatchingNode && name !== last) board.crash();
  // Seen at once: who is next may have died in the same moment, and then it is the lease that ends it, not the will.
  watch();
  const pass = (ms: number) => {
    for (const endMs = world.nowMs + ms; world.nowMs < endMs; ) {
      world.queue.runUntil(world.nowMs + 1_000);
      watch();
    }
  };
  pass(UNWATCHED_MAX_MS);
  const node = world.boards.get(last)?.state;
  if (!(node instanceof WatchingNode)) return;
  const { broker } = node;
  const devices = () =>
    [...world.boards].flatMap(([name, { state }]) =>
      state instanceof SourceDevice && state.broker === broker && node.broker === broker
        ? [{ name, device: state }]
        : [],
    );
  const before = new Map(node.looked);
  const there = new Set(devices().map(({ name }) => name));
  pass(COUNTED_MS);
  const sources = devices().filter(({ name }) => there.has(name));
  if (sources.length > node.ownedMax) return;
  const asked = sources.map(({ device }) => COUNTED_MS / device.everyMs);
  const shares = fairShares(asked, (COUNTED_MS * node.capacityFps) / 1_000);
  sources.forEach(({ name }, i) => {
    const looked = (node.looked.get(name) ?? 0) - (before.get(name) ?? 0);
    const share = shares[i] ?? 0;
    const detail = () => `${last} looked at ${name} ${looked} times, its share is ${share.toFixed(1)}`;
    book.check('S8 the last one left watches all evenly', looked >= Math.floor(SHARE_MIN * share), detail);
  });
}

/** Max-min fair shares of what there is: who asks for less than an even share has it, the others share what is left. */
export function fairShares(asked: readonly number[], total: number): number[] {
  const shares = asked.map(() => 0);
  let left = total;
  const order = asked.map((wish, i) => ({ wish, i })).sort((a, b) => a.wish - b.wish);
  order.forEach(({ wish, i }, place) => {
    const share = Math.min(wish, left / (order.length - place));
    shares[i] = share;
    left -= share;
  });
  return shares;
}

import type { Random } from '../../../base/random.js';
import type { SimulatedBoard } from '../kernel/simulated-board.js';
import type { DiskImage } from '../kernel/simulated-disk.js';
import type { Cast, Fault, FaultKind, FaultSite, Inflicted } from './fault.js';

const NOTHING_TO_HEAL: Inflicted = { heal: () => {} };
const HOUR_MS = 3_600_000;

/** A fault of one running board. */
function onBoard(
  name: string,
  lastsMs: readonly [number, number],
  act: (board: SimulatedBoard<unknown>, site: FaultSite<unknown>, random: Random, fault: Fault) => Inflicted,
  more: { readonly isDestructive?: boolean; readonly timesMax?: number } = {},
): FaultKind<unknown> {
  return {
    name,
    lastsMs,
    ...more,
    draw: (random: Random, { boards, newcomers }: Cast) => [random.pick([...boards, ...newcomers])],
    inflict: (site, fault, random) => {
      const board = site.world.boards.get(fault.targets[0] ?? '');
      return board === undefined ? undefined : act(board, site, random, fault);
    },
  };
}

const crash = onBoard('crash', [0, 20_000], (board) => {
  if (!board.isAlive) return undefined;
  board.crash();
  return { heal: () => board.start() };
});

/** Dies at once after each start, for a while: the supervisor keeps trying. */
const crashLoop = onBoard('crash-loop', [2_000, 20_000], (board, site, random) => {
  if (!board.isAlive) return undefined;
  let isOver = false;
  const again = () => {
    if (isOver) return;
    board.crash();
    board.start();
    site.world.queue.after(50 + random.int(1_500), again);
  };
  again();
  return {
    heal: () => {
      isOver = true;
      board.start();
    },
  };
});

const powerCut = onBoard('power-cut', [500, 30_000], (board, _site, random) => {
  if (!board.isAlive) return undefined;
  board.powerCut(random);
  return { heal: () => board.start() };
});

const freeze = onBoard('freeze', [500, 40_000], (board) => {
  if (!board.isRunning) return undefined;
  board.freeze();
  return { heal: () => board.thaw() };
});

const slow = onBoard('slow-replica', [5_000, 60_000], (board, { world }, random) => {
  world.network.setServiceMs(board.name, random.pick([20, 100, 400]));
  return { heal: () => world.network.setServiceMs(board.name, undefined) };
});

const lostDisk = onBoard(
  'disk-lost',
  [500, 20_000],
  (board, site) => {
    site.beforeDestruction(board.name, 'disk-lost');
    board.crash();
    board.disk.wipe();
    return { heal: () => board.start() };
  },
  { isDestructive: true },
);

const fullDisk = onBoard('disk-full', [1_000, 40_000], ({ disk }, _site, random) => {
  disk.capacityBytes = disk.usedBytes + random.pick([0, 100, 5_000]);
  return {
    heal: () => {
      disk.capacityBytes = Number.POSITIVE_INFINITY;
    },
  };
});

const brokenDisk = onBoard('disk-error', [200, 15_000], ({ disk }) => {
  disk.failsWith = 'EIO';
  return {
    heal: () => {
      disk.failsWith = undefined;
    },
  };
});

const clockJump = onBoard('clock-jump', [1_000, 60_000], ({ wall }, _site, random) => {
  const toThePast = -wall.nowMs() + random.int(HOUR_MS);
  const byMs = random.pick([HOUR_MS, -HOUR_MS, 90_000, -90_000, toThePast]);
  wall.jump(byMs);
  // Undone by the same step: several jumps of one board may be on at a time.
  return { heal: () => wall.jump(-byMs) };
});

const flip = onBoard(
  'flipped-bit',
  [0, 0],
  ({ name, disk }, site, random) => {
    if (!disk.paths().some((path) => site.mayRot(path) && (disk.size(path) ?? 0) > 0)) return undefined;
    site.beforeDestruction(name, 'flipped-bit');
    disk.flipBit(random, (path) => site.mayRot(path));
    return NOTHING_TO_HEAL;
  },
  { isDestructive: true },
);

/** An image of the card is made now; at the end of the fault the board comes up with it: what it wrote since is forgotten. */
const rolledBack = onBoard(
  'card-rolled-back',
  [2_000, 60_000],
  (board, site) => {
    const image: DiskImage = board.disk.image();
    return {
      heal: () => {
        site.beforeDestruction(board.name, 'card-rolled-back');
        board.crash();
        board.disk.restore(image);
        board.start();
      },
    };
  },
  { isDestructive: true },
);

/** Two boards with one card's contents run at the same time under one name. */
const cloned = onBoard(
  'card-cloned',
  [5_000, 60_000],
  (board, site, _random, fault) => {
    const name = `${board.name}-clone${fault.id}`;
    site.clone(board.node, name);
    const clone = site.world.boards.get(name);
    if (clone === undefined) return undefined;
    clone.disk.restore(board.disk.image());
    clone.start();
    return {
      heal: () => {
        // It never comes back, and what only its disk has goes with it.
        site.beforeDestruction(name, 'card-cloned');
        clone.retire();
      },
    };
  },
  { timesMax: 2 },
);

/** Out of the history for good, with its disk. */
const gone = onBoard(
  'board-gone',
  [0, 0],
  (board, site) => {
    if (!board.isAlive) return undefined;
    site.beforeDestruction(board.name, 'board-gone');
    board.retire();
    return NOTHING_TO_HEAL;
  },
  { isDestructive: true, timesMax: 1 },
);

const newcomer: FaultKind<unknown> = {
  name: 'newcomer',
  lastsMs: [0, 0],
  timesMax: 2,
  draw: (random, { newcomers }) => (newcomers.length === 0 ? [] : [random.pick(newcomers)]),
  inflict: (site, { targets: [name = ''] }) => {
    if (site.world.boards.has(name)) return undefined;
    site.join(name);
    return NOTHING_TO_HEAL;
  },
};

export const BOARD_FAULTS: readonly FaultKind<unknown>[] = [
  crash,
  crashLoop,
  powerCut,
  freeze,
  slow,
  lostDisk,
  fullDisk,
  brokenDisk,
  clockJump,
  flip,
  rolledBack,
  cloned,
  gone,
  newcomer,
];

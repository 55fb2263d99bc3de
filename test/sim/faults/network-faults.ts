import type { Random } from '../../../base/random.js';
import type { FaultKind } from './fault.js';

/** Two ends that cannot talk: a board and a broker, in both directions or one. */
const cut: FaultKind<unknown> = {
  name: 'cut',
  lastsMs: [100, 60_000],
  draw: (random, { boards, newcomers, brokers }) => [random.pick([...boards, ...newcomers]), random.pick(brokers)],
  inflict: ({ world }, { targets: [board = '', broker = ''] }, random) => {
    const network = world.network;
    if (random.chance(0.2)) {
      network.cut(...(random.chance(0.5) ? ([board, broker] as const) : ([broker, board] as const)));
    } else network.cutBoth(board, broker);
    return { heal: () => network.healBoth(board, broker) };
  },
};

/** One board from every broker. */
const alone: FaultKind<unknown> = {
  name: 'cut-from-all',
  lastsMs: [1_000, 120_000],
  draw: (random, { boards, newcomers, brokers }) => [random.pick([...boards, ...newcomers]), ...brokers],
  inflict: ({ world }, { targets: [board = '', ...brokers] }) => {
    for (const broker of brokers) world.network.cutBoth(board, broker);
    return {
      heal: () => {
        for (const broker of brokers) world.network.healBoth(board, broker);
      },
    };
  },
};

/** Some of the boards see only one broker and the others only another one: two halves that both go on. */
const split: FaultKind<unknown> = {
  name: 'two-brokers',
  lastsMs: [10_000, 600_000],
  draw: (random, cast) => {
    const [one, other] = shuffled(random, cast.brokers);
    if (one === undefined || other === undefined) return [];
    const half = someOf(random, [...cast.boards, ...cast.newcomers]);
    return [one, other, ...half];
  },
  inflict: ({ world }, { targets: [one = '', other = '', ...half] }) => {
    const cuts = [...world.boards.keys()].map((board) => [board, half.includes(board) ? one : other] as const);
    for (const [board, broker] of cuts) world.network.cutBoth(board, broker);
    return {
      heal: () => {
        for (const [board, broker] of cuts) world.network.healBoth(board, broker);
      },
    };
  },
};

/** Links stop one by one and come back in another order (FoundationDB's swizzle-clogging). */
const swizzle: FaultKind<unknown> = {
  name: 'swizzle',
  lastsMs: [5_000, 40_000],
  draw: (random, { boards, brokers }) => [...someOf(random, boards), random.pick(brokers)],
  inflict: ({ world }, { atMs, untilMs, targets }, random) => {
    const broker = targets.at(-1) ?? '';
    const clogged = targets.slice(0, -1);
    const halfMs = Math.floor((untilMs - atMs) / 2);
    const spread = (i: number) => Math.floor((i * halfMs) / Math.max(1, clogged.length));
    for (const [i, board] of clogged.entries()) {
      world.queue.after(spread(i), () => world.network.cutBoth(board, broker));
    }
    for (const [i, board] of shuffled(random, clogged).entries()) {
      world.queue.after(halfMs + spread(i), () => world.network.healBoth(board, broker));
    }
    return {
      heal: () => {
        for (const board of clogged) world.network.healBoth(board, broker);
      },
    };
  },
};

/** A link that takes its time. */
const delay: FaultKind<unknown> = {
  name: 'slow-link',
  lastsMs: [2_000, 60_000],
  draw: (random, { boards, newcomers, brokers }) => [random.pick([...boards, ...newcomers]), random.pick(brokers)],
  inflict: ({ world }, { targets: [board = '', broker = ''] }, random) => {
    world.network.setLatency(board, broker, { baseMs: random.pick([50, 200, 1_000]), jitterMs: random.pick([0, 500]) });
    return { heal: () => world.network.setLatency(board, broker, undefined) };
  },
};

export const NETWORK_FAULTS: readonly FaultKind<unknown>[] = [cut, alone, split, swizzle, delay];

/** At least one and not all of a list, where it has two. */
export function someOf<T>(random: Random, list: readonly T[]): T[] {
  return shuffled(random, list).slice(0, 1 + random.int(Math.max(1, list.length - 1)));
}

export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

import type { Random } from '../../../base/random.js';
import { POLL_SEGMENTS_MAX, type Poll, type Vote } from '../../../protocol/replica.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { Copy } from './copy.js';
import type { ReplicaEffect } from './effects.js';
import { PollRound } from './poll.js';

type Tile = { readonly node: string; readonly epoch: string; readonly segs: readonly number[] };

/** Of `pollMs`: the pause between two polls. */
const DELAY_MIN = 0.5;
const DELAY_MAX = 1.5;

export type PollScheduleOptions = {
  readonly pollMs: number;
  readonly voteTimeoutMs: number;
  readonly random: Random;
  readonly makeId: () => string;
};

/** Polls over a permutation of all that is held, so that everything has its turn within one round of it. */
export class PollSchedule {
  readonly #options: PollScheduleOptions;
  #tiles: Tile[] = [];
  #round: PollRound | undefined;
  #dueMonoMs: number | undefined;
  #begunMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: PollScheduleOptions) {
    this.#options = options;
  }

  /** Begins a poll when it is time. @param votersOf whom to ask about a node's logs, and how many copies are assigned. */
  due(
    copies: Iterable<Copy>,
    votersOf: (node: string) => { readonly voters: readonly string[]; readonly assigned: number },
    nowMonoMs: number,
  ): ReplicaEffect[] {
    this.#dueMonoMs ??= nowMonoMs + this.#delayMs();
    if (this.#round !== undefined || nowMonoMs < this.#dueMonoMs) return [];
    this.#dueMonoMs = nowMonoMs + this.#delayMs();
    this.#begunMonoMs = nowMonoMs;
    const tile = this.#nextTile(copies);
    if (tile === undefined) return [];
    const { voters, assigned } = votersOf(tile.node);
    const { random, makeId, voteTimeoutMs } = this.#options;
    const nonce = Array.from({ length: 4 }, () => random.int(2 ** 32).toString(36)).join('.');
    const poll: Poll = { v: SCHEMA_MINOR, id: makeId(), of: tile.node, e: tile.epoch, segs: [...tile.segs], nonce };
    this.#round = new PollRound(poll, voters, assigned, nowMonoMs + voteTimeoutMs);
    return [{ type: 'hash', poll }, ...voters.map((to): ReplicaEffect => ({ type: 'poll', to, poll }))];
  }

  /** The next polls are about these logs, and the first of them comes as early as a poll can, and no earlier. */
  hurry(copies: readonly Copy[]): void {
    const doubted = shuffled(tilesOf(copies), this.#options.random);
    if (doubted.length === 0) return;
    const isDoubted = new Set(doubted.map(keyOf));
    this.#tiles = [...this.#tiles.filter((tile) => !isDoubted.has(keyOf(tile))), ...doubted];
    const earliestMonoMs = this.#begunMonoMs + this.#options.pollMs * DELAY_MIN;
    this.#dueMonoMs = Math.min(this.#dueMonoMs ?? earliestMonoMs, earliestMonoMs);
  }

  /** False for a vote nobody asked for. */
  take(from: string, vote: Vote): boolean {
    return this.#round?.poll.id === vote.id && this.#round.take(from, vote);
  }

  hashed(id: string, h: Vote['h']): void {
    if (this.#round?.poll.id === id) this.#round.own = h;
  }

  /** The poll that ended now, if one did. */
  takeOver(nowMonoMs: number): PollRound | undefined {
    const round = this.#round;
    if (round === undefined || !round.isOver(nowMonoMs)) return undefined;
    this.#round = undefined;
    return round;
  }

  #delayMs(): number {
    return this.#options.pollMs * this.#options.random.range(DELAY_MIN, DELAY_MAX);
  }

  #nextTile(copies: Iterable<Copy>): Tile | undefined {
    if (this.#tiles.length === 0) this.#tiles = shuffled(tilesOf(copies), this.#options.random);
    return this.#tiles.pop();
  }
}

function tilesOf(copies: Iterable<Copy>): Tile[] {
  const tiles: Tile[] = [];
  for (const { node, epoch, segments } of copies) {
    const numbers = segments.map(({ n }) => n);
    for (let at = 0; at < numbers.length; at += POLL_SEGMENTS_MAX) {
      tiles.push({ node, epoch, segs: numbers.slice(at, at + POLL_SEGMENTS_MAX) });
    }
  }
  return tiles;
}

function keyOf({ node, epoch, segs }: Tile): string {
  return `${node}/${epoch}/${segs.join()}`;
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const keyed = list.map((item) => ({ item, key: random.next() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

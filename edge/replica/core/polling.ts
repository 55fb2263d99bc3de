import type { Random } from '../../../base/random.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { Copies } from './copies.js';
import type { ReplicaEvent } from './effects.js';
import type { Peers } from './peers.js';
import type { PollRound } from './poll.js';
import { PollSchedule } from './poll-schedule.js';
import type { ReplicaLimits } from './replica-limits.js';
import type { RotWatch } from './rot-watch.js';
import type { Turn } from './turn.js';

export type PollingOptions = {
  readonly node: string;
  readonly turn: Turn;
  readonly copies: Copies;
  readonly peers: Peers;
  readonly rot: RotWatch;
  readonly limits: ReplicaLimits;
  readonly random: Random;
  readonly makeId: () => string;
};

/** Compares segments with other holders, on both sides: asks for votes and judges them, and votes. */
export class Polling {
  readonly #options: PollingOptions;
  readonly #schedule: PollSchedule;
  #hashing = 0;

  constructor(options: PollingOptions) {
    this.#options = options;
    const { limits, random, makeId } = options;
    this.#schedule = new PollSchedule({ ...limits, random, makeId });
  }

  /** Judges the poll that is over, and begins one when it is time. */
  tick(): void {
    const { node, turn, copies, peers, limits } = this.#options;
    const round = this.#schedule.takeOver(turn.monoMs);
    if (round !== undefined) this.#judge(round);
    const votersOf = (of: string) => {
      const assigned = peers.holders(of);
      const voters = assigned.filter((name) => name !== node && peers.isOnline(name));
      return { voters: voters.slice(0, limits.pollVoters), assigned: assigned.length };
    };
    const effects = this.#schedule.due(copies.all(), votersOf, turn.monoMs);
    if (effects.length > 0) turn.counters.add('polls');
    turn.emit(...effects);
  }

  /** The next polls are about these logs. */
  hurry(cut: Extract<ReplicaEvent, { type: 'doubt' }>['cut']): void {
    const { copies } = this.#options;
    this.#schedule.hurry(cut.flatMap(([node, epoch]) => copies.get(node, epoch) ?? []));
  }

  onPoll({ from, poll }: Extract<ReplicaEvent, { type: 'poll' }>): void {
    const { turn, rot, limits } = this.#options;
    const isBusy = this.#hashing >= limits.needsWaitingPerAsker;
    if (isBusy || rot.standing(turn.monoMs) === 'quarantined') {
      turn.counters.add('votesRefused');
      return;
    }
    this.#hashing++;
    turn.emit({ type: 'hash', poll, replyTo: from });
  }

  onVote({ from, vote }: Extract<ReplicaEvent, { type: 'vote' }>): void {
    if (!this.#schedule.take(from, vote)) this.#options.turn.counters.add('votesRefused');
  }

  onHashed({ id, replyTo, h }: Extract<ReplicaEvent, { type: 'hashed' }>): void {
    if (replyTo === undefined) {
      this.#schedule.hashed(id, h);
      return;
    }
    this.#hashing--;
    this.#options.turn.emit({ type: 'vote', to: replyTo, vote: { v: SCHEMA_MINOR, id, h } });
  }

  #judge(round: PollRound): void {
    const { turn, copies, rot } = this.#options;
    const { of, e } = round.poll;
    const copy = copies.get(of, e);
    for (const { n, verdict } of round.verdicts()) {
      if (verdict === 'inconclusive') turn.counters.add('pollsInconclusive');
      if (verdict !== 'outvoted' || copy?.segment(n) === undefined) continue;
      turn.counters.add('pollsLost');
      // Its own hash was checked when it was read; what a signed head confirms too stands against any number of votes.
      if (copy.hashOf(n) === copy.segment(n)?.hash || copy.own?.segments.some((meta) => meta.n === n) === true) {
        turn.tell('poll', of, e, `segment ${n}: most copies differ from what its writer signed`);
        continue;
      }
      turn.emit({ type: 'putAside', node: of, epoch: e, n, reason: 'most copies differ' });
      rot.lose(copy, n);
    }
  }
}

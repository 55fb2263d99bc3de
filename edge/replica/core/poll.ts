import { createHash } from 'node:crypto';
import { strictMajority } from '../../../base/holders.js';
import type { Poll, Vote } from '../../../protocol/replica.js';

export const ROT_VOTE = 'rot';

/** A voter's hash of one closed segment: hex SHA-256 of the nonce, then the uncompressed text. */
export function voteHash(nonce: string, headerLine: string, lines: readonly string[]): string {
  const hash = createHash('sha256').update(nonce, 'utf8').update(`${headerLine}\n`, 'utf8');
  for (const line of lines) hash.update(`${line}\n`, 'utf8');
  return hash.digest('hex');
}

export type Verdict =
  /** At least a strict majority of those assigned agree with us. */
  | 'agreed'
  /** They agree with each other, and not with us. */
  | 'outvoted'
  /** Neither: ties, and too few that replied. Nothing is changed. */
  | 'inconclusive';

/**
 * Judges one segment. Votes count over the assigned copies, never over those that replied; a replica whose own check fails,
 * or that does not hold it, casts none.
 */
export function judge(own: string | null, votes: readonly (string | null)[], assigned: number): Verdict {
  const tally = new Map<string, number>();
  for (const vote of [own, ...votes]) {
    if (vote === null || vote === ROT_VOTE) continue;
    tally.set(vote, (tally.get(vote) ?? 0) + 1);
  }
  for (const [hash, count] of tally) {
    if (count >= strictMajority(assigned)) return hash === own ? 'agreed' : 'outvoted';
  }
  return 'inconclusive';
}

/** A poll under way. */
export class PollRound {
  readonly poll: Poll;
  readonly assigned: number;
  readonly deadlineMonoMs: number;
  readonly #votes = new Map<string, Vote['h'] | undefined>();
  own: Vote['h'] | undefined;

  constructor(poll: Poll, voters: readonly string[], assigned: number, deadlineMonoMs: number) {
    this.poll = poll;
    this.assigned = assigned;
    this.deadlineMonoMs = deadlineMonoMs;
    for (const voter of voters) this.#votes.set(voter, undefined);
  }

  /** False for a vote nobody asked for. */
  take(from: string, vote: Vote): boolean {
    if (!this.#votes.has(from) || vote.h.length !== this.poll.segs.length) return false;
    this.#votes.set(from, vote.h);
    return true;
  }

  isOver(nowMonoMs: number): boolean {
    if (this.own === undefined) return nowMonoMs >= this.deadlineMonoMs;
    return nowMonoMs >= this.deadlineMonoMs || [...this.#votes.values()].every((vote) => vote !== undefined);
  }

  /** One verdict for each segment asked about; none if the own disk did not answer. */
  verdicts(): readonly { readonly n: number; readonly verdict: Verdict }[] {
    const { own } = this;
    if (own === undefined) return [];
    return this.poll.segs.map((n, i) => {
      const votes = [...this.#votes.values()].map((vote) => vote?.[i] ?? null);
      return { n, verdict: judge(own[i] ?? null, votes, this.assigned) };
    });
  }
}

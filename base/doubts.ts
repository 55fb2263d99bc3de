import type { Claims, Doubt } from '../protocol/sharing.js';
import { strictMajority } from './holders.js';

/** What one node says of itself and of others, and whether it is there to be asked. */
export type Claimant = {
  readonly node: string;
  readonly isOnline: boolean;
  readonly claims: Pick<Claims, 'state' | 'model' | 'doubts'> & { readonly shares: Pick<Claims['shares'], 'audits'> };
};

/** A node that most of the others doubt, with what speaks against it. */
export type NodeDoubt = {
  readonly node: string;
  readonly model: string;
  /** Who doubts it, in the order of their names. */
  readonly by: readonly string[];
  /** Auditing nodes that could, itself left out. */
  readonly of: number;
  /** Records of it from here on are doubtful: wall clock, as the fewest that decide agree on it. */
  readonly sinceMs: number;
  /** Of its results that were checked: medians of what those say who doubt it. */
  readonly disputed: number;
  readonly valid: number;
  readonly last: { readonly e: string; readonly s: number };
};

export type DoubtPicture = {
  /** Active nodes that share audits, in the order of their names. */
  readonly auditing: readonly string[];
  readonly doubted: ReadonlyMap<string, NodeDoubt>;
  /** Doubts about models that their nodes have replaced, by node: of what they recorded then, not of what they do now. */
  readonly past: readonly NodeDoubt[];
};

export const NO_DOUBTS: DoubtPicture = { auditing: [], doubted: new Map(), past: [] };

/** One word alone is no evidence, however few there are to speak. */
export const DOUBTERS_MIN = 2;

/**
 * Who is doubted: whom a strict majority of the others doubts for the same model, and two at least. Counted are nodes
 * that are online, share audits and do not leave; nobody's own claim counts for or against itself. Pure, and the same
 * whatever the order of the claims.
 *
 * Claims go on doubting a model that its node has replaced: what it recorded with it stays what it is. A node that does not
 * say what it runs, because it is just starting or keeps silent, gets the benefit of none.
 */
export function foldDoubts(claimants: Iterable<Claimant>): DoubtPicture {
  const all = [...claimants];
  const models = new Map(all.map(({ node, claims }) => [node, claims.model?.sha256]));
  const voters = all
    .filter(({ isOnline, claims }) => isOnline && claims.shares.audits && claims.state !== 'leaving')
    .sort((a, b) => (a.node < b.node ? -1 : 1));
  const auditing = voters.map(({ node }) => node);
  const cases = new Map<string, Map<string, Doubt>>();
  for (const { node: voter, claims } of voters) {
    for (const doubt of claims.doubts) {
      if (doubt.node === voter) continue;
      const key = `${doubt.node} ${doubt.model}`;
      const votes = cases.get(key) ?? new Map<string, Doubt>();
      // A claim that names it twice says it once.
      if (!votes.has(voter)) votes.set(voter, doubt);
      cases.set(key, votes);
    }
  }
  const doubted = new Map<string, NodeDoubt>();
  const past: NodeDoubt[] = [];
  for (const votes of cases.values()) {
    const doubt = decided(votes, auditing);
    if (doubt === undefined) continue;
    if ((models.get(doubt.node) ?? doubt.model) !== doubt.model) {
      past.push(doubt);
      continue;
    }
    const other = doubted.get(doubt.node);
    if (other === undefined || isGraver(doubt, other)) doubted.set(doubt.node, doubt);
  }
  past.sort((a, b) => (a.node === b.node ? a.sinceMs - b.sinceMs : a.node < b.node ? -1 : 1));
  return { auditing, doubted, past };
}

/** `unknown`: fewer than two others are there to tell, so that nothing follows from their silence. */
export function standingOf({ auditing, doubted }: DoubtPicture, node: string): 'doubted' | 'trusted' | 'unknown' {
  if (doubted.has(node)) return 'doubted';
  return auditing.filter((other) => other !== node).length < DOUBTERS_MIN ? 'unknown' : 'trusted';
}

function decided(votes: ReadonlyMap<string, Doubt>, auditing: readonly string[]): NodeDoubt | undefined {
  const doubts = [...votes.values()];
  const [first] = doubts;
  if (first === undefined) return undefined;
  const { node, model } = first;
  const of = auditing.filter((other) => other !== node).length;
  const needed = Math.max(DOUBTERS_MIN, strictMajority(of));
  if (doubts.length < needed) return undefined;
  // The earliest time that enough of them bear out: who says 1970 alone does not make all records doubtful.
  const sinceMs = doubts.map((doubt) => doubt.sinceMs).sort(ascending)[needed - 1] ?? first.sinceMs;
  return {
    node,
    model,
    by: [...votes.keys()],
    of,
    sinceMs,
    disputed: median(doubts.map(({ disputed }) => disputed)),
    valid: median(doubts.map(({ valid }) => valid)),
    last: mostNamed(doubts.map(({ last }) => last)) ?? first.last,
  };
}

function isGraver(a: NodeDoubt, b: NodeDoubt): boolean {
  if (a.by.length !== b.by.length) return a.by.length > b.by.length;
  return a.sinceMs === b.sinceMs ? a.model < b.model : a.sinceMs < b.sinceMs;
}

/** The lower one of two. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort(ascending);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

// Claims are a moment apart: what most of them name, of equals the later position.
function mostNamed(positions: readonly NodeDoubt['last'][]): NodeDoubt['last'] | undefined {
  const keyOf = ({ e, s }: NodeDoubt['last']) => `${e} ${s}`;
  const counts = new Map<string, number>();
  for (const position of positions) counts.set(keyOf(position), (counts.get(keyOf(position)) ?? 0) + 1);
  const rank = (position: NodeDoubt['last']) => counts.get(keyOf(position)) ?? 0;
  return [...positions].sort((a, b) => rank(b) - rank(a) || b.s - a.s || (a.e < b.e ? -1 : 1))[0];
}

function ascending(a: number, b: number): number {
  return a - b;
}

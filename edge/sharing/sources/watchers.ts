import type { Peer } from '../peer-book.js';
import type { Watcher } from './source-ownership.js';

/** Nodes that must doubt another one at least, before it is passed over for it: one alone may be the faulty one. */
const DOUBTERS_MIN = 2;

/**
 * The others that watch sources, as far as they are alive. One without a model cannot look: what it holds is taken over, and
 * it takes nothing.
 * @param own doubts of this node: it is one of those who check.
 */
export function watchersOf(peers: readonly Peer[], me: string, own: Doubting): Watcher[] {
  const active = peers.filter(({ isActive }) => isActive);
  const doubting = [
    { node: me, ...own },
    ...active.map(({ node, claims: { shares, doubts } }) => ({ node, checks: shares.audits, doubts })),
  ];
  return active
    .filter(({ claims }) => claims.shares.sources)
    .map(({ node, claims: { state, model, spareFps, sources, heard } }) => ({
      ...{ node, state: model === null ? 'leaving' : state, spareFps, heard },
      isDoubted: isDoubted(node, doubting),
      owns: sources.filter(({ as }) => as === 'owner').map(({ source }) => source),
    }));
}

/** Whether somebody checks results of others, and whose he doubts. */
export type Doubting = { readonly checks: boolean; readonly doubts: readonly { readonly node: string }[] };

/** Whether most of those who check, and two of them, doubt a node. */
export function isDoubted(node: string, all: readonly (Doubting & { readonly node: string })[]): boolean {
  const judges = all.filter((judge) => judge.node !== node && judge.checks);
  const doubters = judges.filter(({ doubts }) => doubts.some((doubt) => doubt.node === node));
  return doubters.length >= DOUBTERS_MIN && 2 * doubters.length > judges.length;
}

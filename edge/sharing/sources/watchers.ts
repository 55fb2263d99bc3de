import { type Claimant, foldDoubts } from '../../../base/doubts.js';
import type { Peer } from '../peer-book.js';
import type { Watcher } from './source-ownership.js';

/**
 * The others that watch sources, as far as they are alive, and whether this node is doubted itself. One without a model
 * cannot look: what it holds is taken over, and it takes nothing.
 * @param self this node: it is one of those who check.
 */
export function watchersOf(
  peers: readonly Peer[],
  self: Pick<Claimant, 'node' | 'claims'>,
): { readonly others: Watcher[]; readonly isDoubted: boolean } {
  const active = peers.filter(({ isActive }) => isActive);
  const { doubted } = foldDoubts([self, ...active].map(({ node, claims }) => ({ node, isOnline: true, claims })));
  const others = active
    .filter(({ claims }) => claims.shares.sources)
    .map(({ node, claims: { state, model, spareFps, sources, heard } }) => ({
      ...{ node, state: model === null ? 'leaving' : state, spareFps, heard },
      isDoubted: doubted.has(node),
      owns: sources.filter(({ as }) => as === 'owner').map(({ source }) => source),
    }));
  return { others, isDoubted: doubted.has(self.node) };
}

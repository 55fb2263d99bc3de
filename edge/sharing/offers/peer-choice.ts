import type { Random } from '../../../base/random.js';

/** A peer that could be asked, by its claims: active, of the same model and site, taking offers, with room. */
export type OfferPeer = {
  readonly node: string;
  /** Frames/s it says it could still look at. */
  readonly spareFps: number;
};

/** Random draws that may hit a peer which cannot be asked before all of them are gone through. */
const DRAWS_MAX = 8;

/**
 * The better of two peers drawn at random ("The power of two choices", Mitzenmacher 1996): near the best, and a fleet that
 * reads the same claims does not run to the same peer. Undefined where none may be asked.
 * @param outstanding looks under way at a peer: what its claims do not know yet.
 */
export function choosePeer(
  peers: readonly OfferPeer[],
  mayAsk: (peer: OfferPeer) => boolean,
  outstanding: (node: string) => number,
  random: Random,
): OfferPeer | undefined {
  const first = drawPeer(peers, mayAsk, random);
  if (first === undefined) return undefined;
  const second = drawPeer(peers, (peer) => peer.node !== first.node && mayAsk(peer), random);
  if (second === undefined) return first;
  const room = ({ node, spareFps }: OfferPeer) => spareFps / (1 + outstanding(node));
  return room(second) > room(first) ? second : first;
}

function drawPeer(
  peers: readonly OfferPeer[],
  mayAsk: (peer: OfferPeer) => boolean,
  random: Random,
): OfferPeer | undefined {
  if (peers.length === 0) return undefined;
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const peer = random.pick(peers);
    if (mayAsk(peer)) return peer;
  }
  const left = peers.filter(mayAsk);
  return left.length === 0 ? undefined : random.pick(left);
}

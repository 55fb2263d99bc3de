import { rendezvousOrder } from './rendezvous.js';

/** Up to this many nodes everybody holds every log. */
export const FULL_REPLICATION_NODES_MAX = 10;
/** Beyond that: copies of a log besides its writer's. */
export const COPIES = 3;

/**
 * Who is assigned to hold the logs of a node: the node itself, then the others. Up to ten nodes everybody; beyond that the
 * first three others in rendezvous order, so that a node that comes or goes moves only its own share.
 * @param inventory every node that keeps replicas and was not forgotten, alive or not; order does not matter.
 */
export function holdersOf(node: string, inventory: readonly string[]): readonly string[] {
  const others = [...new Set(inventory)].filter((other) => other !== node).sort();
  if (others.length < FULL_REPLICATION_NODES_MAX) return [node, ...others];
  return [node, ...rendezvousOrder(`${node}/`, others).slice(0, COPIES)];
}

/** Copies that have to agree before anything is decided: over those assigned, never over those that happen to reply. */
export function strictMajority(assigned: number): number {
  return Math.floor(assigned / 2) + 1;
}

import { rendezvousOrder } from '../../../base/rendezvous.js';

/** What a node knows of another one that may audit. */
export type AuditPeer = {
  readonly node: string;
  /** Of its configuration; undefined where it names none. */
  readonly site: string | undefined;
  /** SHA-256 of its model, hex; undefined while none is loaded. */
  readonly model: string | undefined;
  /** Alive, shares audits, and not leaving. */
  readonly isActive: boolean;
  /** It has more to see than it can: asked where too few others are. */
  readonly isOverloaded?: boolean;
  /** Its results are doubted: its answer would be no evidence. */
  readonly isDoubted: boolean;
};

export type AuditedNode = { readonly node: string; readonly site: string | undefined; readonly model: string };

/**
 * The two nodes that recompute a result: the first of those that can, in the rendezvous order of the record, so that nobody
 * chooses and every pair has its share. Overloaded ones come after all others.
 * @param leaf hash of the record's line.
 * @param worker whose result it is. @param otherSites whether its pictures may leave its site.
 * @returns undefined if fewer than two can.
 */
export function auditorsOf(
  leaf: Uint8Array,
  worker: AuditedNode,
  peers: readonly AuditPeer[],
  otherSites: boolean,
): readonly [string, string] | undefined {
  const able = peers.filter((peer) => canAudit(peer, worker, otherSites));
  const inOrder = (isOverloaded: boolean) =>
    rendezvousOrder(
      leaf,
      able.filter((peer) => (peer.isOverloaded ?? false) === isOverloaded).map(({ node }) => node),
    );
  const [first, second] = [...inOrder(false), ...inOrder(true)];
  return first === undefined || second === undefined ? undefined : [first, second];
}

/** Whether two can. */
export function hasAuditors(worker: AuditedNode, peers: readonly AuditPeer[], otherSites: boolean): boolean {
  return peers.filter((peer) => canAudit(peer, worker, otherSites)).length >= 2;
}

/** Whether a node may audit another one. */
export function canAudit(peer: AuditPeer, worker: AuditedNode, otherSites: boolean): boolean {
  const isNear = otherSites || peer.site === worker.site;
  return peer.node !== worker.node && peer.isActive && !peer.isDoubted && peer.model === worker.model && isNear;
}

import { ID_PATTERN } from '../protocol/ids.js';
import type { Identity } from './rights.js';

/** A node has a second connection for bulk data; its client id is the identity with this behind it. */
export const BULK_SUFFIX = '-bulk';

/** Longest client identifier taken: an identity, a dot and a tool's own name. */
const CLIENT_ID_CHARACTERS_MAX = 128;

/** Why a name cannot be an identity; undefined if it can. */
export function refusedIdentityName(name: string): string | undefined {
  if (!ID_PATTERN.test(name)) return 'allowed: 1 to 32 of a-z, 0-9 and -, not starting with -';
  if (name.endsWith(BULK_SUFFIX)) return `names ending in ${BULK_SUFFIX} are the second connections of nodes`;
  return undefined;
}

/** The identity whose client identifier this is by its form: `cam1`, `cam1-bulk` and `cam1.anything` are cam1's. */
export function ownerByForm(clientId: string): string {
  const [first = ''] = clientId.split('.', 1);
  return first.endsWith(BULK_SUFFIX) ? first.slice(0, -BULK_SUFFIX.length) : first;
}

export type ClientIdQuestion = {
  readonly clientId: string;
  readonly identity: Identity;
  /** True if a name is in the password file. */
  readonly isKnown: (name: string) => boolean;
  /** Who has the live or stored session of this client identifier, if somebody has. */
  readonly holder: string | undefined;
};

/**
 * Why a client identifier is refused; undefined if it is taken.
 * Nodes, monitors and sources have exactly theirs and its twin, so that a second connection is a take-over on purpose.
 * People's tools may bring any identifier that is not another identity's by form and that nobody else holds: with that,
 * no credential but a node's own can end the session of that node.
 */
export function refusedClientId({ clientId, identity, isKnown, holder }: ClientIdQuestion): string | undefined {
  if (clientId.length > CLIENT_ID_CHARACTERS_MAX) return `longer than ${CLIENT_ID_CHARACTERS_MAX} characters`;
  if (!/^[\x21-\x7e]+$/.test(clientId)) return 'not printable ASCII';
  const bound = identity.role === 'node' || identity.role === 'monitor' || identity.role === 'source';
  if (bound) {
    const own = clientId === identity.name || clientId === identity.name + BULK_SUFFIX;
    return own ? undefined : `not ${identity.name} or ${identity.name}${BULK_SUFFIX}`;
  }
  const owner = ownerByForm(clientId);
  if (identity.role !== 'anonymous' && owner === identity.name) return undefined;
  if (isKnown(owner)) return `belongs to ${owner}`;
  // A free identifier: first come, first served, but never taken from another identity.
  if (holder !== undefined && holder !== identity.name) return 'held by another user';
  return undefined;
}

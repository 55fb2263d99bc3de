import {
  buildFilter,
  buildInboxFilter,
  buildOwnPrefix,
  buildRootFilter,
  EVERYTHING_FILTER,
  routes,
} from '../protocol/routes.js';
import { containsFilter } from './topic-filter.js';

/** What an identity is for. `anonymous` has no password and reads only. */
export const ROLES = ['node', 'monitor', 'operator', 'reader', 'source', 'home-assistant'] as const;
export type Role = (typeof ROLES)[number];

export type Identity = { readonly name: string; readonly role: Role | 'anonymous' };

/** May it, and by which rule. A denial names the rule `default`: what is not allowed is denied. */
export type Decision = { readonly allowed: boolean; readonly rule: string };

export type Action = 'pub' | 'sub';

type Grants = { readonly read: readonly string[]; readonly write: readonly string[] };

const DENIED: Decision = { allowed: false, rule: 'default: deny' };

function everyFilter(root: string, list: readonly (typeof routes)[keyof typeof routes][]): string[] {
  return list.map((route) => buildFilter(root, route));
}

function messagesFrom(root: string, me: string): string[] {
  const kinds = [routes.need, routes.fill, routes.poll, routes.vote, routes.query, routes.answer, routes.result];
  return kinds.map((route) => buildFilter(root, route, { sender: me }));
}

// What only nodes that share work say to each other.
function sharedWorkFrom(root: string, me: string): string[] {
  const kinds = [routes.offer, routes.boxes, routes.audit, routes.verdict];
  return kinds.map((route) => buildFilter(root, route, { sender: me }));
}

// Also what nodes tell Home Assistant: who looks for a fault must see it.
function everything(root: string): string[] {
  return [buildRootFilter(root), buildFilter(root, routes.hassDevice), buildFilter(root, routes.hassStatus)];
}

// What a node may ask of another: nothing that changes what it sees. A stolen board must not be able to blind the others.
const PEER_VERBS = ['ping', 'rebirth'] as const;

// One entry per role; each filter is a line of the table in `broker/README.md`.
const GRANTS: Readonly<Record<Identity['role'], (root: string, me: string) => Grants>> = {
  node: (root, me) => ({
    write: [
      `${buildOwnPrefix(root, 'node', me)}/#`,
      ...messagesFrom(root, me),
      ...sharedWorkFrom(root, me),
      ...PEER_VERBS.map((verb) => buildFilter(root, routes.command, { verb, sender: me })),
      buildFilter(root, routes.hassDevice, { node: me }),
    ],
    // What a replica needs of the others and no more: a stolen board's password shows no pictures of other nodes' cameras.
    // Those of cameras without a detector are for every node: any of them may have to look.
    read: [
      `${buildOwnPrefix(root, 'node', me)}/#`,
      buildInboxFilter(root, me),
      buildFilter(root, routes.maintenance, { node: me }),
      buildFilter(root, routes.hassDevice, { node: me }),
      buildFilter(root, routes.hassStatus),
      ...everyFilter(root, [
        routes.brokerEpoch,
        routes.brokerStall,
        routes.status,
        routes.info,
        routes.beat,
        routes.live,
        routes.head,
        routes.segment,
        routes.keptHead,
        routes.keptSegment,
        routes.frontier,
        routes.replica,
        routes.claims,
        routes.sourceFrame,
        routes.sourceInfo,
        routes.monitorStatus,
      ]),
    ],
  }),
  monitor: (root, me) => ({
    write: [
      `${buildOwnPrefix(root, 'monitor', me)}/#`,
      ...messagesFrom(root, me),
      buildFilter(root, routes.command, { sender: me }),
    ],
    read: everything(root),
  }),
  operator: (root, me) => ({
    write: [
      buildFilter(root, routes.maintenance),
      ...messagesFrom(root, me),
      buildFilter(root, routes.command, { sender: me }),
    ],
    read: everything(root),
  }),
  reader: (root, me) => ({
    write: [routes.need, routes.query].map((route) => buildFilter(root, route, { sender: me })),
    read: everything(root),
  }),
  source: (root, me) => ({
    write: [`${buildOwnPrefix(root, 'source', me)}/#`],
    read: [
      buildInboxFilter(root, me),
      `${buildOwnPrefix(root, 'source', me)}/#`,
      buildFilter(root, routes.brokerEpoch),
      buildFilter(root, routes.brokerStall),
    ],
  }),
  // It deletes what it was told of when a person removes a device there, and asks for topics of all its integrations in one
  // SUBSCRIBE, of which one that is denied would take all others with it.
  'home-assistant': (root, me) => ({
    write: [
      buildFilter(root, routes.hassStatus),
      buildFilter(root, routes.hassDevice),
      buildFilter(root, routes.maintenance),
      buildFilter(root, routes.command, { verb: 'restart', sender: me }),
    ],
    read: [EVERYTHING_FILTER],
  }),
  anonymous: (root) => ({ write: [], read: everything(root) }),
};

type Rule = { readonly levels: readonly string[]; readonly decision: Decision };

/** The rights of one identity, compiled: answers are synchronous, and what no rule allows is denied. */
export class Rights {
  readonly #read: readonly Rule[];
  readonly #write: readonly Rule[];

  constructor(root: string, identity: Identity) {
    const grants = GRANTS[identity.role](root, identity.name);
    const compile = (verb: string) => (filter: string) => ({
      levels: filter.split('/'),
      decision: { allowed: true, rule: `${identity.role} may ${verb} ${filter}` },
    });
    this.#read = grants.read.map(compile('read'));
    this.#write = grants.write.map(compile('write'));
  }

  /** May it publish on this topic name. */
  write(topic: string): Decision {
    return decide(this.#write, topic);
  }

  /** May it read everything that a topic filter (or one topic name) matches. */
  read(filter: string): Decision {
    return decide(this.#read, filter);
  }
}

function decide(rules: readonly Rule[], filter: string): Decision {
  const levels = filter.split('/');
  return rules.find((rule) => containsFilter(rule.levels, levels))?.decision ?? DENIED;
}

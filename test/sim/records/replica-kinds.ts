import { holdersOf } from '../../../base/holders.js';
import { BROKER_TOPIC, type BrokerMessage, CoreReplica, coreRecordsIn } from './core-replica.js';
import { ReadingClient } from './reading-client.js';
import type { ReplicaKind } from './record-scenario.js';
import { type Ablation, ReferenceReplica, recordsIn } from './reference-replica.js';

/** Rules of what is around the real core, or of those who ask it, that can be left out; each holds up an invariant. */
export const CORE_RULES = [
  'the token is handed on',
  'what is lacking is named',
  'answers are of the prefix at the cut',
  'who is syncing answers nothing',
  'times within an epoch never fall',
  'what the disk refused is not a record',
  'acknowledged is what another holds',
  'what was given up is told',
  'heads and what was given up are on the disk',
  'who is asked gives what it has',
  'what is signed stands against votes',
] as const;
export type CoreRule = (typeof CORE_RULES)[number];

/** What nobody here does, unless it is left out for once: the core itself holds out against it. */
export const HONESTY = 'who is asked for a vote looks at its disk';

/** The real core, with all around it or without some rules. */
export function coreKind(...left: readonly (CoreRule | typeof HONESTY)[]): ReplicaKind {
  const without = new Set<string>(left);
  return {
    ...CORE_KIND,
    start: (env, brokers) => new CoreReplica(env, brokers, without),
    startReader: (env, options) => new ReadingClient(env, { ...options, without }),
  };
}

/** The real core. */
export const CORE_KIND: ReplicaKind = {
  name: 'core',
  start: (env, brokers) => new CoreReplica(env, brokers),
  startReader: (env, options) => new ReadingClient(env, { ...options, without: new Set() }),
  holdersOf,
  recordsIn: coreRecordsIn,
  onBrokerStart: (broker) => {
    const payload: BrokerMessage = { broker: broker.name, epoch: `${broker.name} ${broker.life}` };
    broker.publish({ topic: BROKER_TOPIC, payload, qos: 1, retain: true, bytes: 60 }, broker.name);
  },
  // A rotten key is another identity, as a lost disk is: that is a fault of its own.
  mayRot: (path) => path !== 'identity',
};

/** The reference replica, whole or without one of its rules. */
export function referenceKind(without?: Ablation): ReplicaKind {
  return {
    name: 'reference',
    start: (env, brokers) => new ReferenceReplica(env, { brokers, ...(without === undefined ? {} : { without }) }),
    recordsIn,
    mayRot: () => true,
  };
}

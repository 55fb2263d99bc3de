import { holdersOf } from '../../../base/holders.js';
import { BROKER_TOPIC, type BrokerMessage, CoreReplica, coreRecordsIn } from './core-replica.js';
import type { ReplicaKind } from './record-scenario.js';
import { type Ablation, ReferenceReplica, recordsIn } from './reference-replica.js';

/** The real core. */
export const CORE_KIND: ReplicaKind = {
  name: 'core',
  start: (env, brokers) => new CoreReplica(env, brokers),
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

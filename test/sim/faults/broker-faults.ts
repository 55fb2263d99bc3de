import type { Random } from '../../../base/random.js';
import type { BrokerManners } from '../kernel/broker-manners.js';
import type { SimulatedBroker } from '../kernel/simulated-broker.js';
import type { FaultKind, FaultSite, Inflicted } from './fault.js';

function onBroker(
  name: string,
  lastsMs: readonly [number, number],
  act: (broker: SimulatedBroker, random: Random, site: FaultSite<unknown>) => Inflicted,
): FaultKind<unknown> {
  return {
    name,
    lastsMs,
    draw: (random, { brokers }) => [random.pick(brokers)],
    inflict: (site, { targets: [target = ''] }, random) => {
      const broker = site.world.brokers.get(target);
      return broker === undefined ? undefined : act(broker, random, site);
    },
  };
}

const crash = onBroker('broker-crash', [200, 20_000], (broker, random) => {
  if (!broker.isUp) return undefined;
  if (random.chance(0.3)) broker.stop();
  else broker.crash();
  return { heal: () => broker.start() };
});

const wiped = onBroker('broker-wiped', [200, 20_000], (broker) => {
  broker.crash();
  broker.wipe();
  return { heal: () => broker.start() };
});

/** Another broker at the same address: empty, and with manners of its own. */
const replaced = onBroker('broker-replaced', [200, 20_000], (broker, random) => {
  broker.crash();
  broker.wipe();
  const { queueMax, whenFull, willsAtStop, ...manners } = broker.ownManners;
  broker.ownManners = {
    ...manners,
    queueMax: whenFull === 'drop' ? queueMax : 1_000,
    whenFull: random.pick(['drop', 'kick']),
    willsAtStop: !willsAtStop,
  };
  return { heal: () => broker.start() };
});

/** It comes back with what it had retained at the beginning of the fault (mosquitto saves every 30 minutes). */
const stale = onBroker('broker-stale', [2_000, 60_000], (broker, random) => {
  const image = new Map([...broker.image()].filter(() => !random.chance(0.1)));
  return {
    heal: () => {
      broker.crash();
      broker.restore(image);
      broker.start();
    },
  };
});

const stall = onBroker('broker-stall', [500, 25_000], (broker, random) => {
  if (!broker.isUp) return undefined;
  broker.stall(500 + random.int(25_000));
  return { heal: () => {} };
});

function withManners(name: string, change: (random: Random) => Partial<BrokerManners>): FaultKind<unknown> {
  return onBroker(name, [2_000, 60_000], (broker, random) => ({ heal: broker.changeManners(change(random)) }));
}

export const BROKER_FAULTS: readonly FaultKind<unknown>[] = [
  crash,
  wiped,
  replaced,
  stale,
  stall,
  withManners('messages-lost', (random) => ({ lossQos0: 0.3, lossQos1: random.pick([0.01, 0.05, 0.3]) })),
  withManners('messages-duplicated', (random) => ({ duplicates: random.pick([0.02, 0.2, 0.8]) })),
  withManners('messages-delayed', (random) => ({
    lingerMs: random.pick([100, 1_000, 5_000]),
    replayLingerMs: random.pick([100, 1_000, 8_000]),
  })),
  withManners('replay-cut', (random) => ({ replayMax: random.pick([3, 10, 50]) })),
  withManners('short-queues', (random) => ({
    queueMax: random.pick([10, 50, 200]),
    whenFull: random.pick(['drop', 'kick']),
  })),
];

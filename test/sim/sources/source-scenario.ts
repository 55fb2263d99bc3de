import { Random } from '../../../base/random.js';
import type { FaultKind } from '../faults/fault.js';
import { PLAIN_MANNERS } from '../kernel/broker-manners.js';
import type { Scenario, ScenarioRun, Stage } from '../scenario.js';
import { judgeLastOne } from './last-one.js';
import { SourceDevice } from './source-device.js';
import { SourceOracle } from './source-oracle.js';
import type { SourceRule } from './source-rules.js';
import { type SimulatedStatus, WatchingNode } from './watching-node.js';

/** No owner changes for this long in the end, ms: less than between two sources of which an overloaded owner is relieved. */
const QUIET_MS = 15_000;

export type SourceScenarioOptions = {
  readonly without?: readonly SourceRule[];
  /** How many sources a node watches at most; by the seed where absent. */
  readonly ownedMax?: (node: string) => number;
};

/** Nodes that watch sources, the sources, and what befalls them. */
export function sourceScenario(options: SourceScenarioOptions = {}): Scenario {
  return {
    name: 'sources',
    faultKinds: [MAINTENANCE, BOAST, GHOSTS, DEVICE_OFF],
    begin: (stage) => new SourceRun(stage, options),
  };
}

function onNode(
  name: string,
  lastsMs: readonly [number, number],
  act: (node: WatchingNode, random: Random) => () => void,
): FaultKind<unknown> {
  return {
    name,
    lastsMs,
    draw: (random, { boards }) => [random.pick(boards)],
    inflict: ({ world }, { targets: [target = ''] }, random) => {
      const state = world.boards.get(target)?.state;
      return state instanceof WatchingNode ? { heal: act(state, random) } : undefined;
    },
  };
}

/** An operator sends a node away for a while. */
const MAINTENANCE = onNode('maintenance', [2_000, 60_000], (node) => {
  node.isLeaving = true;
  return () => {
    node.isLeaving = false;
  };
});

/** A node says that it could do much more than it can, or nothing. */
const BOAST = onNode('boast', [2_000, 60_000], (node, random) => {
  node.boast = random.pick([0, 0.1, 100]);
  return () => {
    node.boast = 1;
  };
});

/** A node says that it heard sources that do not exist. */
const GHOSTS = onNode('ghosts', [2_000, 60_000], (node, random) => {
  const kind = random.pick(['a', 'z']);
  node.ghosts = Array.from({ length: 1 + random.int(200) }, (_, i) => `${kind}-ghost${i}`);
  return () => {
    node.ghosts = [];
  };
});

/** A source sends nothing for a while. */
const DEVICE_OFF: FaultKind<unknown> = {
  name: 'device-off',
  lastsMs: [500, 60_000],
  draw: (random) => [`source${1 + random.int(3)}`],
  inflict: ({ world }, { targets: [target = ''] }) => {
    const board = world.boards.get(target);
    if (board === undefined || !board.isAlive) return undefined;
    board.crash();
    return { heal: () => board.start() };
  },
};

class SourceRun implements ScenarioRun {
  readonly #stage: Stage;
  readonly #options: SourceScenarioOptions;
  readonly #oracle: SourceOracle;
  readonly #random: Random;
  readonly #sources: number;

  constructor(stage: Stage, options: SourceScenarioOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#oracle = new SourceOracle(stage.world, stage.book);
    this.#random = new Random(`sources ${stage.world.random.next()}`);
    this.#sources = 3 + this.#random.int(8);
    for (const name of stage.brokers) {
      const broker = stage.world.addBroker(name, { ...PLAIN_MANNERS, lingerMs: this.#random.pick([0, 50, 300]) });
      broker.taps.push(({ topic, payload }) => {
        const [kind, node = ''] = topic.split('/');
        if (kind === 'status' && isLost(payload)) this.#oracle.onWill(name, node);
      });
    }
    for (const name of stage.boards) this.join(name);
    for (let i = 1; i <= this.#sources; i++) this.#addDevice(`source${i}`);
  }

  join(name: string): void {
    const options = {
      ...{ brokers: inOrder(this.#stage.brokers), without: new Set(this.#options.without ?? []) },
      // Together they may watch all there are, also when some are gone.
      ownedMax: this.#options.ownedMax?.(name) ?? this.#random.pick([this.#sources, 16, 16]),
      capacityFps: this.#random.pick([2, 5, 10, 30]),
      onTake: (source: string) => this.#oracle.onTake(name, source),
    };
    this.#stage.world.addBoard(name, (env) => new WatchingNode(env, options)).start();
  }

  // Nothing of a node that watches is on its card.
  clone(): void {}
  beforeDestruction(): void {}
  settle(): void {}

  mayRot(): boolean {
    return false;
  }

  watch(): void {
    this.#oracle.watch();
  }

  whyNotConverged(): string | undefined {
    const nodes = [...this.#stage.world.boards.values()]
      .map(({ state }) => state)
      .filter((s) => s instanceof WatchingNode);
    for (let i = 1; i <= this.#sources; i++) {
      const owners = nodes.filter(({ owned }) => owned.includes(`source${i}`)).length;
      if (owners !== 1) return `source${i} has ${owners} owners`;
    }
    const quietMs = this.#stage.world.nowMs - this.#oracle.changedMs;
    return quietMs < QUIET_MS ? `an owner changed ${quietMs} ms ago` : undefined;
  }

  finish(): void {
    judgeLastOne(this.#stage, this.#random, () => this.watch());
  }

  figures() {
    const { brokers } = this.#stage.world;
    return { sources: this.#sources, takes: this.#oracle.takes, published: publishedBy([...brokers.values()]) };
  }

  #addDevice(name: string): void {
    const options = {
      brokers: inOrder(this.#stage.brokers),
      everyMs: this.#random.pick([200, 1_000, 1_000, 4_000]),
      announces: this.#random.chance(0.5),
    };
    const { world } = this.#stage;
    world.addBoard(name, (env) => new SourceDevice(env, options, () => world.nowMs)).start();
  }
}

function publishedBy(brokers: readonly { readonly counts: { readonly published: number } }[]): number {
  return brokers.reduce((sum, { counts }) => sum + counts.published, 0);
}

function inOrder([first = '', ...others]: readonly string[]): readonly [string, ...string[]] {
  return [first, ...others];
}

function isLost(payload: unknown): payload is SimulatedStatus {
  return typeof payload === 'object' && payload !== null && 'state' in payload && payload.state === 'lost';
}

import type { Clock } from '../../base/clock.js';
import type { Link } from '../../base/link/link.js';
import type { LogRecord } from '../../protocol/record.js';
import type { ReplicaState } from '../../protocol/replica.js';
import { routes } from '../../protocol/routes.js';
import type { Alert, Beat, BrokerStats, CameraState, Health } from '../../protocol/status.js';

/** Kept per node, so that nobody's names grow the page without bound: eight times what a board has room for. */
const CAMERAS_MAX = 64;
const ALERTS_MAX = 100;
/** Brokers a site lists at most. */
const BROKERS_MAX = 16;

/** What was last heard of one node; undefined or empty where it said nothing. */
export type NodeFacts = {
  beat?: { readonly atMonoMs: number; readonly said: Beat };
  health?: Health;
  replica?: ReplicaState;
  readonly cameras: Map<string, CameraState>;
  readonly alerts: Map<string, Alert>;
};

/** A record that was heard live. `delayMs`: from its capture time by the node's clock to now by ours. */
export type RecordHeard = { readonly node: string; readonly record: LogRecord; readonly delayMs: number };

export type FleetFactsOptions = {
  /** The inventory: others are not kept. */
  readonly nodes: readonly string[];
  readonly clock: Clock;
  readonly onRecord: (heard: RecordHeard) => void;
};

/** The last word of every node of the inventory and of every broker, for whoever asks how they fare. */
export class FleetFacts {
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  readonly brokers = new Map<string, BrokerStats>();
  readonly #options: FleetFactsOptions;
  /** Messages under names that found no room; those of nodes outside the inventory do not count. */
  omitted = 0;

  constructor(options: FleetFactsOptions) {
    this.#options = options;
    this.nodes = new Map(options.nodes.map((node) => [node, { cameras: new Map(), alerts: new Map() }]));
  }

  /** Before the link opens. */
  listen(link: Link): void {
    const { clock, onRecord } = this.#options;
    link.subscribe(routes.beat, {}, ({ params, payload, retained }) => {
      const facts = this.nodes.get(params.node);
      if (facts !== undefined && !retained) facts.beat = { atMonoMs: clock.monoMs(), said: payload };
    });
    link.subscribe(routes.health, {}, ({ params, payload }) => {
      const facts = this.nodes.get(params.node);
      if (facts !== undefined) facts.health = payload;
    });
    link.subscribe(routes.replica, {}, ({ params, payload }) => {
      const facts = this.nodes.get(params.node);
      if (facts !== undefined) facts.replica = payload;
    });
    link.subscribe(
      routes.cameraState,
      {},
      ({ params, payload }) => this.#put(this.nodes.get(params.node)?.cameras, params.camera, payload, CAMERAS_MAX),
      ({ params }) => this.nodes.get(params.node)?.cameras.delete(params.camera),
    );
    link.subscribe(
      routes.alert,
      {},
      ({ params, payload }) => this.#put(this.nodes.get(params.node)?.alerts, params.rule, payload, ALERTS_MAX),
      ({ params }) => this.nodes.get(params.node)?.alerts.delete(params.rule),
    );
    link.subscribe(
      routes.brokerStats,
      {},
      ({ params, payload }) => this.#put(this.brokers, params.broker, payload, BROKERS_MAX),
      ({ params }) => this.brokers.delete(params.broker),
    );
    link.subscribe(routes.live, {}, ({ params, payload, retained }) => {
      if (retained || !this.nodes.has(params.node)) return;
      const nowMs = clock.nowMs();
      for (const record of payload.r) onRecord({ node: params.node, record, delayMs: nowMs - record.t });
    });
  }

  #put<T>(map: Map<string, T> | undefined, name: string, value: T, max: number): void {
    if (map === undefined) return;
    if (map.size >= max && !map.has(name)) this.omitted++;
    else map.set(name, value);
  }
}

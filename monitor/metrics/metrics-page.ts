import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../../base/clock.js';
import type { NodeDoubt } from '../../base/doubts.js';
import type { Incident, Roster } from '../../protocol/status.js';
import type { FleetFacts, NodeFacts, RecordHeard } from './fleet-facts.js';

/** Causes, queues and kinds shown of one node; the names are a node's own. */
const NAMES_MAX = 64;
const MIB = 1024 * 1024;

const STATES = ['unknown', 'up', 'stopped', 'suspect', 'confirmed', 'acting', 'verifying', 'quarantined'] as const;
const MODES = ['blind', 'settling', 'mass', 'watching'] as const;

/** What the monitor itself knows, at the moment it is asked. */
export type MonitorFacts = {
  readonly mode: Roster['mode'];
  readonly states: ReadonlyMap<string, Incident['state']>;
  /** Nodes whose results most of the others that audit doubt. */
  readonly doubts: ReadonlyMap<string, Pick<NodeDoubt, 'by'>>;
  readonly openIncidents: readonly Pick<Incident, 'node' | 'cause'>[];
  readonly counters: Readonly<Record<string, number>>;
};

export type MetricsPageOptions = {
  readonly facts: FleetFacts;
  readonly monitor: () => MonitorFacts;
  readonly version: string;
  readonly clock: Clock;
};

/** Gauges of prom-client with names of counters, which Prometheus' own check refuses. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

type Labels = Readonly<Record<string, string>>;

/**
 * The page for Prometheus: units of its conventions (seconds, bytes, ratios), names that begin with `vedette_`, labels
 * only from the inventory and from short lists. What nodes count since their own start is passed on as it is: it falls
 * back to zero with them, which `rate()` understands.
 */
export class MetricsPage {
  readonly #options: MetricsPageOptions;
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();
  readonly #records: Counter<'node' | 'kind'>;
  readonly #delay: Histogram<'node'>;
  readonly #kinds = new Set<string>();
  #omitted = 0;

  constructor(options: MetricsPageOptions) {
    this.#options = options;
    const registers = [this.#registry];
    this.#records = new Counter({
      name: 'vedette_records_total',
      help: 'Records heard live since the monitor started, by node and kind.',
      labelNames: ['node', 'kind'],
      registers,
    });
    this.#delay = new Histogram({
      name: 'vedette_record_delay_seconds',
      help: "From the capture of a track's frame, by the node's clock, to the record at the monitor, by its own.",
      labelNames: ['node'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  onRecord({ node, record, delayMs }: RecordHeard): void {
    if (!this.#kinds.has(record.k) && this.#kinds.size >= NAMES_MAX) {
      this.#omitted++;
      return;
    }
    this.#kinds.add(record.k);
    this.#records.inc({ node, kind: record.k });
    // A clock that runs ahead of ours gives nothing to measure by.
    if (record.k === 'track' && delayMs >= 0) this.#delay.observe({ node }, delayMs / 1000);
  }

  /** The page as of now. */
  async text(): Promise<string> {
    for (const metric of [...this.#gauges.values(), ...this.#counters.values()]) metric.reset();
    this.#collectMonitor();
    for (const [node, facts] of this.#options.facts.nodes) this.#collectNode(node, facts);
    this.#collectBrokers();
    const help = 'Values that found no room on this page, each time they came or it was made.';
    this.#count('vedette_metrics_omitted_total', help, {}, this.#options.facts.omitted + this.#omitted);
    return this.#registry.metrics();
  }

  #collectMonitor(): void {
    const { monitor, version } = this.#options;
    const { mode, states, doubts, openIncidents, counters } = monitor();
    this.#gauge('vedette_build_info', 'Version of the monitor.', { version }, 1);
    for (const one of MODES) {
      this.#gauge('vedette_monitor_mode', 'What the monitor can judge at present.', { mode: one }, one === mode);
    }
    for (const [node, state] of states) {
      for (const one of STATES) {
        this.#gauge('vedette_node_state', 'What the monitor believes of a node.', { node, state: one }, one === state);
      }
    }
    for (const node of states.keys()) {
      const by = doubts.get(node)?.by.length ?? 0;
      this.#gauge('vedette_node_doubted', '1 while most of the others that audit doubt its results.', { node }, by > 0);
      this.#gauge('vedette_node_doubters', 'Who doubts its results, where they are most.', { node }, by);
    }
    for (const { node, cause } of openIncidents) {
      this.#gauge('vedette_incident_open', 'Incidents that are open.', { node, cause }, 1);
    }
    this.#count('vedette_restarts_total', 'Restarts the monitor ordered.', {}, counters.restarts);
    this.#count('vedette_reboots_total', 'Reboots the monitor ordered.', {}, counters.reboots);
    for (const [event, value] of this.#bounded(counters)) {
      this.#count('vedette_monitor_events_total', 'What the monitor counts of its own work.', { event }, value);
    }
  }

  #collectNode(node: string, facts: NodeFacts): void {
    this.#collectBeat(node, facts);
    this.#collectHealth(node, facts);
    this.#collectReplica(node, facts);
    for (const [camera, { ok, fps, frameAgeMs }] of facts.cameras) {
      const labels = { node, camera };
      this.#gauge('vedette_camera_ok', '1 while the camera delivers.', labels, ok);
      this.#gauge('vedette_camera_frames_per_second', 'Frames a second that are looked at.', labels, fps);
      if (frameAgeMs === null) continue;
      const help = 'Age of its newest frame when it last told its state.';
      this.#gauge('vedette_camera_frame_age_seconds', help, labels, frameAgeMs / 1000);
    }
    for (const [rule, { severity }] of facts.alerts) {
      this.#gauge('vedette_alert_active', 'Alerts that rules on nodes have raised.', { node, rule, severity }, 1);
    }
  }

  #collectBeat(node: string, { beat }: NodeFacts): void {
    if (beat === undefined) return;
    const ageMs = this.#options.clock.monoMs() - beat.atMonoMs;
    this.#gauge('vedette_node_heartbeat_age_seconds', 'Since its last heartbeat.', { node }, ageMs / 1000);
    this.#gauge('vedette_node_uptime_seconds', 'Since its process started.', { node }, beat.said.upS);
    const help = 'Largest lag of its event loop between its last two heartbeats.';
    this.#gauge('vedette_node_loop_lag_seconds', help, { node }, beat.said.loopLagMs / 1000);
  }

  #collectHealth(node: string, { health }: NodeFacts): void {
    if (health === undefined) return;
    const { load, cpu, temperatureC, memory, disk, throttled, share, queues, drops } = health;
    const labels = { node };
    this.#gauge('vedette_node_overloaded', '1 while it has more to do than it can.', labels, load === 'overloaded');
    this.#gauge('vedette_node_cpu_ratio', 'Share of all its cores in use.', labels, cpu);
    if (temperatureC !== null) {
      this.#gauge('vedette_node_temperature_celsius', 'Temperature of the board.', labels, temperatureC);
    }
    if (throttled !== null) this.#gauge('vedette_node_throttled', '1 while the board slows itself.', labels, throttled);
    if (share !== undefined) {
      this.#gauge('vedette_node_detector_share_ratio', 'Of the time its detectors may work.', labels, share);
    }
    this.#gauge('vedette_node_memory_resident_bytes', 'Of both its processes.', labels, memory.rssMiB * MIB);
    this.#gauge('vedette_node_memory_used_bytes', 'Of the board.', labels, memory.usedMiB * MIB);
    this.#gauge('vedette_node_memory_size_bytes', 'Of the board.', labels, memory.totalMiB * MIB);
    this.#gauge('vedette_node_disk_free_bytes', 'Where its state is.', labels, disk.freeMiB * MIB);
    this.#gauge('vedette_node_disk_size_bytes', 'Where its state is.', labels, disk.totalMiB * MIB);
    this.#gauge('vedette_node_disk_ok', '1 while it can write.', labels, disk.ok);
    for (const [queue, items] of this.#bounded(queues)) {
      this.#gauge('vedette_node_queue_items', 'What waits in it.', { node, queue }, items);
    }
    for (const [cause, value] of this.#bounded(drops)) {
      const help = 'Dropped, diverted, retried or restarted since the node started, by cause.';
      this.#count('vedette_node_dropped_total', help, { node, cause }, value);
    }
  }

  #collectReplica(node: string, { replica }: NodeFacts): void {
    if (replica === undefined) return;
    const labels = { node };
    if (replica.lagMs !== null) {
      const help = 'How long ago it last had everything it knew of.';
      this.#gauge('vedette_replica_lag_seconds', help, labels, replica.lagMs / 1000);
    }
    this.#gauge('vedette_replica_active', '1 while it answers queries.', labels, replica.state === 'active');
    this.#gauge('vedette_replica_quarantined', '1 while it has no vote.', labels, replica.state === 'quarantined');
    this.#gauge('vedette_replica_missing_records', 'Known to exist and lacking.', labels, replica.missing);
    this.#gauge('vedette_replica_records', 'That it holds.', labels, replica.records);
    this.#gauge('vedette_replica_bytes', 'On its disk.', labels, replica.bytes);
    this.#gauge('vedette_replica_unacknowledged_records', 'Own ones nobody else holds.', labels, replica.unacked);
    const help = 'Segments found rotten and replaced since the node started.';
    this.#count('vedette_replica_mended_segments_total', help, labels, replica.mended);
  }

  #collectBrokers(): void {
    for (const [broker, stats] of this.#options.facts.brokers) {
      const labels = { broker };
      this.#gauge('vedette_broker_clients', 'Connected.', labels, stats.clients);
      this.#gauge('vedette_broker_retained_topics', 'That it keeps.', labels, stats.retained.topics);
      this.#gauge('vedette_broker_retained_bytes', 'That it keeps.', labels, stats.retained.bytes);
      this.#gauge('vedette_broker_memory_resident_bytes', 'Of its process.', labels, stats.rssMiB * MIB);
      this.#gauge('vedette_broker_loop_lag_seconds', 'Of its event loop.', labels, stats.loopLagMs / 1000);
      this.#gauge('vedette_broker_uptime_seconds', 'Since it started.', labels, stats.upS);
      for (const [event, value] of this.#bounded(stats.counters)) {
        this.#count('vedette_broker_events_total', 'What it counts since it started.', { broker, event }, value);
      }
    }
  }

  #gauge(name: string, help: string, labels: Labels, value: number | boolean): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, Number(value));
  }

  #count(name: string, help: string, labels: Labels, value: number | undefined): void {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    counter.inc(labels, value ?? 0);
  }

  #bounded(named: Readonly<Record<string, number>>): [string, number][] {
    const all = Object.entries(named);
    this.#omitted += Math.max(0, all.length - NAMES_MAX);
    return all.slice(0, NAMES_MAX);
  }
}

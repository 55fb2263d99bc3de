import type { Live } from '../../protocol/record.js';
import type { ReplicaState } from '../../protocol/replica.js';
import type { Claims } from '../../protocol/sharing.js';
import type {
  Alert,
  Beat,
  CameraState,
  Health,
  Incident,
  Roster,
  SensorReading,
  Status,
} from '../../protocol/status.js';
import { LogTally } from './log-tally.js';

/** Nodes, cameras and labels beyond these are not shown: a demo has a handful, a wrong broker may have anything. */
const NODES_MAX = 64;
const CAMERAS_MAX = 16;
const LABELS_MAX = 64;
const ALERTS_MAX = 64;
const LATENCIES_MAX = 1_000;

export type LastEvent = { readonly event: string; readonly label: string; readonly id: number; readonly atMs: number };

export type Verdict = 'valid' | 'disputed' | 'inconclusive';

export type LastAlert = {
  readonly rule: string;
  readonly event: string;
  readonly severity: string;
  readonly text: string;
  readonly atMs: number;
};

export type CameraView = {
  state: CameraState | undefined;
  /** As told last, by a state or a heartbeat. */
  fps: number | undefined;
  motion: string | undefined;
  readonly counts: Map<string, number>;
  lastEvent: LastEvent | undefined;
  /** Capture to arrival here of the last track event, ms. */
  latencyMs: number | undefined;
};

export type NodeView = {
  status: Status | undefined;
  /** Lives after the first that was heard. */
  restarts: number;
  inv: string | undefined;
  incident: Incident | undefined;
  health: Health | undefined;
  replica: ReplicaState | undefined;
  claims: Claims | undefined;
  readonly cameras: Map<string, CameraView>;
  readonly sensors: Map<string, SensorReading>;
  /** Open alerts by rule, as they are retained. */
  readonly alerts: Map<string, Alert>;
  /** The last raise or clear, as it was recorded. */
  lastAlert: LastAlert | undefined;
  readonly log: LogTally;
};

/** What the demo's listener has heard, as plain data to draw or to print. Bounded; wall times are of this machine. */
export class FleetView {
  readonly nodes = new Map<string, NodeView>();
  roster: Roster | undefined;
  monitor: Status | undefined;
  messages = 0;
  /** What nodes recorded of each other's results. */
  readonly verdicts: Record<Verdict, number> = { valid: 0, disputed: 0, inconclusive: 0 };
  #latenciesMs: number[] = [];

  /** @param retained it may be of an earlier demo, and counts as no life of this one. */
  onStatus(node: string, status: Status, retained = false): void {
    const view = this.#node(node);
    if (view === undefined) return;
    if (status.state === 'online' && view.inv !== undefined && view.inv !== status.inv) view.restarts++;
    // A life that was first heard of after a gap is told twice: retained, then at its next change.
    if (status.state === 'online' && (!retained || view.inv !== undefined)) view.inv = status.inv;
    view.status = status;
  }

  onIncident(node: string, incident: Incident): void {
    const view = this.#node(node);
    if (view !== undefined) view.incident = incident;
  }

  onBeat(node: string, beat: Beat): void {
    for (const [camera, { fps }] of Object.entries(beat.cameras)) {
      const view = this.#camera(node, camera);
      if (view !== undefined) view.fps = fps;
    }
  }

  onHealth(node: string, health: Health): void {
    const view = this.#node(node);
    if (view !== undefined) view.health = health;
  }

  onReplica(node: string, replica: ReplicaState): void {
    const view = this.#node(node);
    if (view !== undefined) view.replica = replica;
  }

  onClaims(node: string, claims: Claims): void {
    const view = this.#node(node);
    if (view !== undefined) view.claims = claims;
  }

  onCameraState(node: string, camera: string, state: CameraState): void {
    const view = this.#camera(node, camera);
    if (view === undefined) return;
    view.state = state;
    view.fps = state.fps;
  }

  onMotion(node: string, camera: string, motion: string): void {
    const view = this.#camera(node, camera);
    if (view !== undefined) view.motion = motion;
  }

  onCount(node: string, camera: string, label: string, count: number): void {
    const counts = this.#camera(node, camera)?.counts;
    if (counts !== undefined && (counts.has(label) || counts.size < LABELS_MAX)) counts.set(label, count);
  }

  onSensor(node: string, sensor: string, reading: SensorReading): void {
    const sensors = this.#node(node)?.sensors;
    if (sensors !== undefined && (sensors.has(sensor) || sensors.size < LABELS_MAX)) sensors.set(sensor, reading);
  }

  /** @param alert undefined: it has cleared. */
  onAlert(node: string, rule: string, alert: Alert | undefined): void {
    const alerts = this.#node(node)?.alerts;
    if (alert === undefined) alerts?.delete(rule);
    else if (alerts !== undefined && (alerts.has(rule) || alerts.size < ALERTS_MAX)) alerts.set(rule, alert);
  }

  onLive(node: string, live: Live, nowMs: number): void {
    const view = this.#node(node);
    if (view === undefined) return;
    for (const record of live.r) {
      if (!view.log.take(live.e, record.s)) continue;
      if (record.k === 'track') this.#onTrack(node, record, nowMs);
      if (record.k === 'audit') this.#onAudit(record);
      if (record.k === 'alert') view.lastAlert = alertOf(record) ?? view.lastAlert;
    }
  }

  /** Median and 99th percentile of capture to arrival, ms; undefined before the first event. */
  latencyMs(): { readonly p50: number; readonly p99: number; readonly count: number } | undefined {
    if (this.#latenciesMs.length === 0) return undefined;
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), count: sorted.length };
  }

  #onTrack(node: string, record: Live['r'][number], nowMs: number): void {
    const { c, ev, id, l, t } = record;
    if (typeof c !== 'string' || typeof ev !== 'string' || typeof id !== 'number' || typeof l !== 'string') return;
    const view = this.#camera(node, c);
    if (view === undefined) return;
    view.lastEvent = { event: ev, label: l, id, atMs: t };
    // An end is told when the object has been gone for a while: its age is no latency.
    if (ev === 'end') return;
    view.latencyMs = Math.max(0, nowMs - t);
    this.#latenciesMs.push(view.latencyMs);
    if (this.#latenciesMs.length > LATENCIES_MAX) this.#latenciesMs.shift();
  }

  #onAudit({ v }: Live['r'][number]): void {
    if (v === 'valid' || v === 'disputed' || v === 'inconclusive') this.verdicts[v]++;
  }

  #node(node: string): NodeView | undefined {
    const known = this.nodes.get(node);
    if (known !== undefined || this.nodes.size >= NODES_MAX) return known;
    const view: NodeView = {
      status: undefined,
      restarts: 0,
      inv: undefined,
      incident: undefined,
      health: undefined,
      replica: undefined,
      claims: undefined,
      cameras: new Map(),
      sensors: new Map(),
      alerts: new Map(),
      lastAlert: undefined,
      log: new LogTally(),
    };
    this.nodes.set(node, view);
    return view;
  }

  #camera(node: string, camera: string): CameraView | undefined {
    const cameras = this.#node(node)?.cameras;
    const known = cameras?.get(camera);
    if (cameras === undefined || known !== undefined || cameras.size >= CAMERAS_MAX) return known;
    const view: CameraView = {
      state: undefined,
      fps: undefined,
      motion: undefined,
      counts: new Map(),
      lastEvent: undefined,
      latencyMs: undefined,
    };
    cameras.set(camera, view);
    return view;
  }
}

/** Everything a node counts as dropped, since its start. A result that was not audited is none: few are. */
export function dropsOf(view: NodeView): number {
  return Object.entries(view.health?.drops ?? {})
    .filter(([cause]) => !cause.startsWith('audits.'))
    .reduce((sum, [, count]) => sum + count, 0);
}

function alertOf({ t: atMs, r: rule, ev: event, sev: severity, x: text }: Live['r'][number]): LastAlert | undefined {
  const isWhole =
    typeof rule === 'string' && typeof event === 'string' && typeof severity === 'string' && typeof text === 'string';
  return isWhole ? { rule, event, severity, text, atMs } : undefined;
}

import { foldDoubts } from '../../base/doubts.js';
import type { DemoPlan } from './demo-plan.js';
import { type CameraView, dropsOf, type FleetView, type NodeView, type Verdict } from './fleet-view.js';
import type { SupervisedChild } from './supervised-child.js';

/** One camera of the demo at one moment; a node without news yet has nulls. */
export type CameraStatus = {
  readonly node: string;
  readonly camera: string;
  /** What the node says of itself, or what the demo knows better: `starting`, `restarting`, `failed`. */
  readonly state: string;
  readonly monitor: string;
  readonly cameraOk: boolean | null;
  readonly reason: string | null;
  /** Why its service ended in a way that another start cannot mend. */
  readonly failure: string | null;
  readonly fps: number | null;
  readonly objects: Readonly<Record<string, number>>;
  readonly motion: boolean | null;
  readonly lastEvent: {
    readonly event: string;
    readonly label: string;
    readonly id: number;
    readonly agoMs: number;
  } | null;
  /** The node's last raise or clear. */
  readonly lastAlert: {
    readonly rule: string;
    readonly event: string;
    readonly severity: string;
    readonly text: string;
    readonly agoMs: number;
  } | null;
  /** Alerts of the node that are open. */
  readonly alerts: readonly { readonly rule: string; readonly severity: string; readonly text: string }[];
  readonly latencyMs: number | null;
  readonly records: number;
  readonly repeats: number;
  readonly missing: number;
  readonly drops: number;
  /** The node's copies of all logs: how it fares, records it lacks, own records that nobody else holds durably yet. */
  readonly replica: { readonly state: string; readonly missing: number; readonly unacked: number } | null;
  readonly restarts: number;
  /** The open or last incident, as the monitor tells it. */
  readonly incident: {
    readonly cause: string;
    readonly state: string;
    readonly isOpen: boolean;
    readonly last: string;
  } | null;
};

export type SensorStatus = {
  readonly sensor: string;
  readonly value: number | null;
  readonly unit: string;
  readonly ok: boolean;
  readonly reason: string | null;
};

/** A camera without a detector, and who looks at its pictures. */
export type SourceStatus = {
  readonly source: string;
  /** Node that watches it, and the one that will when that is gone; null: nobody yet. */
  readonly owner: string | null;
  readonly standby: string | null;
  readonly fps: number | null;
  readonly objects: Readonly<Record<string, number>>;
};

/** What the nodes found of each other's results. */
export type AuditStatus = {
  /** Records of all; two of each result. */
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Nodes whose results most of the others doubt. */
  readonly doubted: readonly string[];
};

/** The whole demo at one moment: what `--json` prints every second and the table shows. */
export type DemoStatus = {
  readonly elapsedS: number;
  readonly stateDir: string;
  /** Where the password of the operator lies, who may give orders. */
  readonly operatorPasswordFile: string;
  readonly broker: { readonly url: string; readonly connected: boolean; readonly restarts: number };
  readonly monitor: {
    readonly mode: string;
    readonly restarts: number;
    readonly nodes: Readonly<Record<string, string>>;
  };
  readonly nodes: readonly CameraStatus[];
  readonly sensorBoard: {
    readonly node: string;
    readonly state: string;
    readonly monitor: string;
    readonly restarts: number;
  };
  readonly sensors: readonly SensorStatus[];
  readonly sources: readonly SourceStatus[];
  /** Null where there are too few to check each other. */
  readonly audits: AuditStatus | null;
  readonly messages: number;
  readonly records: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly count: number } | null;
};

export type DemoMoment = {
  readonly elapsedMs: number;
  readonly nowMs: number;
  readonly isConnected: boolean;
  /** The processes are being ended; that they are gone is no news. */
  readonly isEnding: boolean;
  /** Nodes whose service ended in a way that another start cannot mend, and its last words. */
  readonly failures: ReadonlyMap<string, string>;
};

/** Puts together what was heard on the wire and what the demo knows of its processes. */
export function buildDemoStatus(
  plan: DemoPlan,
  view: FleetView,
  children: ReadonlyMap<string, Pick<SupervisedChild, 'isRunning' | 'restarts'>>,
  moment: DemoMoment,
): DemoStatus {
  const restarts = (name: string) => children.get(name)?.restarts ?? 0;
  const state = (name: string) => stateOf(view.nodes.get(name), moment.isEnding ? undefined : children.get(name));
  const believed = (name: string) => view.roster?.nodes[name] ?? 'unknown';
  const sensorNode = plan.services.find(({ kind }) => kind === 'sensors')?.name ?? '';
  const sensors = [...(view.nodes.get(sensorNode)?.sensors ?? [])].map(([sensor, { value, unit, ok, reason }]) => ({
    sensor,
    value,
    unit,
    ok,
    reason: reason ?? null,
  }));
  return {
    elapsedS: Math.round(moment.elapsedMs / 1000),
    stateDir: plan.folders[0] ?? '',
    operatorPasswordFile: plan.identities.find(({ role }) => role === 'operator')?.passwordFile ?? '',
    broker: { url: plan.brokerUrl, connected: moment.isConnected, restarts: restarts('broker') },
    monitor: { mode: view.roster?.mode ?? 'unknown', restarts: restarts('monitor'), nodes: view.roster?.nodes ?? {} },
    nodes: [...plan.cameras].map(([node, camera]) => ({
      ...cameraStatus(view.nodes.get(node), camera, moment.nowMs),
      node,
      camera,
      state: moment.failures.has(node) ? 'failed' : state(node),
      failure: moment.failures.get(node) ?? null,
      monitor: believed(node),
      // A life of the process that got as far as the broker was heard, too.
      restarts: Math.max(restarts(node), view.nodes.get(node)?.restarts ?? 0),
      incident: incidentOf(view.nodes.get(node)),
    })),
    sensorBoard: {
      node: sensorNode,
      state: state(sensorNode),
      monitor: believed(sensorNode),
      restarts: restarts(sensorNode),
    },
    sensors: sensors.toSorted((a, b) => a.sensor.localeCompare(b.sensor)),
    sources: plan.sources.map((source) => sourceStatus(source, view)),
    audits: plan.audits ? auditStatus(view) : null,
    messages: view.messages,
    records: [...view.nodes.values()].reduce((sum, node) => sum + node.log.records, 0),
    latencyMs: view.latencyMs() ?? null,
  };
}

function sourceStatus(source: string, { nodes }: FleetView): SourceStatus {
  const holderAs = (as: 'owner' | 'standby') =>
    [...nodes].find(
      ([, { status, claims }]) =>
        status?.state === 'online' && claims?.sources.some((held) => held.source === source && held.as === as),
    )?.[0] ?? null;
  const owner = holderAs('owner');
  const camera = owner === null ? undefined : nodes.get(owner)?.cameras.get(source);
  return { source, owner, standby: holderAs('standby'), fps: camera?.fps ?? null, objects: inView(camera) };
}

function auditStatus({ nodes, verdicts }: FleetView): AuditStatus {
  const claimants = [...nodes].flatMap(([node, { status, claims }]) =>
    claims === undefined ? [] : [{ node, isOnline: status?.state === 'online', claims }],
  );
  return { verdicts: { ...verdicts }, doubted: [...foldDoubts(claimants).doubted.keys()].sort() };
}

function inView(camera: CameraView | undefined): Readonly<Record<string, number>> {
  return Object.fromEntries([...(camera?.counts ?? [])].filter(([, count]) => count > 0));
}

// A process that is not there cannot have said so yet; its will is on the way.
function stateOf(node: NodeView | undefined, child: { readonly isRunning: boolean } | undefined): string {
  const told = node?.status?.state;
  if (child?.isRunning === false) return told === undefined ? 'starting' : 'restarting';
  return told ?? 'starting';
}

function incidentOf(node: NodeView | undefined): CameraStatus['incident'] {
  if (node?.incident === undefined) return null;
  const { cause, state, closedAtMs, evidence } = node.incident;
  return { cause, state, isOpen: closedAtMs === undefined, last: evidence.at(-1)?.what ?? '' };
}

function replicaOf(node: NodeView | undefined): CameraStatus['replica'] {
  if (node?.replica === undefined) return null;
  const { state, missing, unacked } = node.replica;
  return { state, missing, unacked };
}

type FromWire = Omit<CameraStatus, 'node' | 'camera' | 'state' | 'failure' | 'monitor' | 'restarts' | 'incident'>;

function cameraStatus(node: NodeView | undefined, name: string, nowMs: number): FromWire {
  const camera = node?.cameras.get(name);
  return {
    cameraOk: camera?.state?.ok ?? null,
    reason: camera?.state?.reason ?? null,
    fps: camera?.fps ?? null,
    objects: inView(camera),
    motion: camera?.motion === undefined ? null : camera.motion === 'ON',
    lastEvent: lastEventOf(camera, nowMs),
    lastAlert: lastAlertOf(node, nowMs),
    alerts: [...(node?.alerts ?? [])].map(([rule, { severity, text }]) => ({ rule, severity, text })),
    latencyMs: camera?.latencyMs ?? null,
    records: node?.log.records ?? 0,
    repeats: node?.log.repeats ?? 0,
    missing: node?.log.missing ?? 0,
    drops: node === undefined ? 0 : dropsOf(node),
    replica: replicaOf(node),
  };
}

function lastEventOf(camera: CameraView | undefined, nowMs: number): CameraStatus['lastEvent'] {
  if (camera?.lastEvent === undefined) return null;
  const { event, label, id, atMs } = camera.lastEvent;
  return { event, label, id, agoMs: Math.max(0, nowMs - atMs) };
}

function lastAlertOf(node: NodeView | undefined, nowMs: number): CameraStatus['lastAlert'] {
  if (node?.lastAlert === undefined) return null;
  const { atMs, ...alert } = node.lastAlert;
  return { ...alert, agoMs: Math.max(0, nowMs - atMs) };
}

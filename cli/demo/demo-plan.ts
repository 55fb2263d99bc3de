import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Role } from '../../broker/rights.js';

/** What the demo was asked for, checked by the command line. */
export type DemoOptions = {
  /** Camera nodes. */
  readonly nodes: number;
  /** Ends by itself after this time; else by a signal. */
  readonly durationS?: number;
  /** One JSON object per second instead of the table. */
  readonly json: boolean;
  /** Port of the demo's broker on loopback; 0 takes any free one. */
  readonly port: number;
  readonly stateDir: string;
  /** Source of every camera, as in a configuration (`file:PATH`, `webcam:/dev/video0`); simulated scenes unless given. */
  readonly camera?: string;
  /** An .onnx file with its manifest; the built-in model unless given. */
  readonly model?: string;
  /** A broker that runs already, instead of one of the demo's own. */
  readonly brokerUrl?: string;
  /** Folder of `<name>.password` files for that broker; those of the state folder unless given. */
  readonly credentialsDir?: string;
  /** What the simulated scenes and sensors are made from. */
  readonly seed: string;
};

export const DEMO_NODES_MAX = 16;
export const MONITOR = 'monitor';
export const SENSORS = 'sensors';
export const OPERATOR = 'operator';
/** A camera without a detector, which the nodes watch for each other. */
export const SOURCE = 'porch';
/** A result takes two others that check it: fewer nodes check none. */
const AUDITING_NODES_MIN = 3;
/** Where the names of cameras come from; the fourth and later ones are numbered. */
const PLACES = ['front', 'yard', 'street'];

/**
 * Heartbeats and health of a demo of a minute come often enough for its table to move; the monitor keeps the lease of
 * a real fleet, because the sensor board beats as boards do.
 */
const TIMING = { beatMs: 2_000, healthMs: 5_000 };

/**
 * What each camera node tells of by itself. Short times: in a demo of a minute something is to happen. Labels that the model
 * of another camera does not know are never in view.
 */
const RULES = {
  visitor: {
    when: 'tracks().exists(t, t.label == "person" && t.seconds > 5.0)',
    ...{ clearFor: '2s', cooldown: '5s', severity: 'info', text: '{count("person")} in view for a while' },
  },
  crowd: {
    ...{ when: 'size(tracks()) >= 3', for: '2s', clearFor: '2s', cooldown: '10s' },
    text: '{size(tracks())} things in view at once',
  },
};

/** The user of the boards' forced command, as on real boards. */
export const BOARD_USER = 'vedette-ctl';

/** The SSH door of one simulated board. */
export type DemoDoor = { readonly port: number; readonly hostKey: string; readonly hostKeyFile: string };

export type DemoDoors = {
  readonly byNode: ReadonlyMap<string, DemoDoor>;
  /** The monitor's key pair. */
  readonly keyFile: string;
  readonly publicKeyFile: string;
};

/**
 * A demo of a minute cannot wait as a fleet does: no local supervisor goes first, so that grace is short; the lease is
 * above the 10 s at which the sensor board beats. The defaults for real fleets are those of the monitor's schema.
 */
const MONITOR_TIMING = { beatMs: 2_000, leaseMs: 15_000, settleMs: 15_000, graceMs: 3_000, reconcileMs: 30_000 };
const MONITOR_PLAN = {
  verifyMs: 30_000,
  retryMs: 2_000,
  staleMs: 8_000,
  wedgedMs: 6_000,
  // On two busy cores a model is loaded late: a slow start is no dead one.
  startMs: 60_000,
  personMs: 60_000,
  restartDelaysMs: [0, 3_000, 10_000, 30_000],
  restartsMax: 5,
  healthyMs: 15_000,
  nodeRestartsPerHour: 200,
  fleetRestartsPerHour: 400,
};
const RESTARTS_PER_HOUR = 200;

/** One process of the demo. */
export type DemoService = {
  readonly name: string;
  readonly kind: 'broker' | 'monitor' | 'node' | 'sensors' | 'source';
  /** Arguments of `vedette`. */
  readonly args: readonly string[];
};

export type DemoFile = { readonly path: string; readonly text: string };

/** Everything the demo starts, in order of start; pure data. */
export type DemoPlan = {
  readonly brokerUrl: string;
  readonly services: readonly DemoService[];
  readonly files: readonly DemoFile[];
  /** Identities and the files with their passwords. */
  readonly identities: readonly { readonly name: string; readonly role: Role; readonly passwordFile: string }[];
  /** The broker's own list of users; undefined with a broker that is not ours. */
  readonly usersFile: string | undefined;
  /** Camera nodes and the name of their camera. */
  readonly cameras: ReadonlyMap<string, string>;
  /** Cameras without a detector. A broker that is not ours may not know them: there is none then. */
  readonly sources: readonly string[];
  /** The nodes check some of each other's results. */
  readonly audits: boolean;
  readonly folders: readonly string[];
  readonly logsDir: string;
};

/** Lays out the demo: names, files, arguments. Pure. @param port the broker's port, never 0 */
export function planDemo(options: DemoOptions, port: number, doors?: DemoDoors): DemoPlan {
  const at = (...parts: string[]) => join(options.stateDir, ...parts);
  const cameras = new Map(
    Array.from({ length: options.nodes }, (_, i) => [`cam${i + 1}`, PLACES[i] ?? `camera${i + 1}`]),
  );
  const nodes = [...cameras.keys()];
  const brokerUrl = options.brokerUrl ?? `mqtt://127.0.0.1:${port}`;
  const secret = (name: string) => join(options.credentialsDir ?? at('credentials'), `${name}.password`);
  const site = { name: 'demo', brokers: [brokerUrl] };
  const audits = options.nodes >= AUDITING_NODES_MIN;
  const usersFile = options.brokerUrl === undefined ? at('credentials', 'users') : undefined;

  const broker = {
    site,
    broker: {
      tcp: { host: '127.0.0.1', port },
      anonymousRead: true,
      passwordFile: at('credentials', 'users'),
    },
  };
  const monitor = {
    site,
    monitor: {
      name: MONITOR,
      passwordFile: secret(MONITOR),
      nodes: Object.fromEntries(
        [...nodes, SENSORS].map((node) => [node, doors?.byNode.has(node) ? { board: node } : {}]),
      ),
      ...(doors === undefined ? {} : superviseThrough(doors)),
    },
  };
  const edge = (node: string, camera: string, index: number) => ({
    site,
    edge: {
      node,
      passwordFile: secret(node),
      ...(options.model === undefined ? {} : { model: { path: options.model } }),
      cameras: { [camera]: { source: options.camera ?? `sim:${options.seed}-${index + 1}` } },
      rules: RULES,
      timing: TIMING,
      sharing: { sources: true, audits },
    },
  });

  const configPath = (name: string) => at('config', `${name}.yaml`);
  const file = (name: string, content: object) => ({ path: configPath(name), text: HEADER + stringify(content) });
  // One folder for all: each service makes one of its own below it.
  const run = (role: string, name: string) => [role, '--config', configPath(name), '--state', at('state')];
  const nodeArgs = (node: string) => {
    const door = doors?.byNode.get(node);
    if (doors === undefined || door === undefined) return run('edge', node);
    return [
      ...['sim', 'board', '--node', node, '--config', configPath(node), '--state', at('state')],
      ...['--host-key', door.hostKeyFile, '--authorized-key', doors.publicKeyFile, '--port', String(door.port)],
      ...['--restarts-per-hour', String(RESTARTS_PER_HOUR)],
    ];
  };
  const ownBroker = options.brokerUrl === undefined;
  const sourceArgs = [
    ...['sim', 'camera', '--publish', brokerUrl, '--source', SOURCE, '--password-file', secret(SOURCE)],
    ...['--seed', `${options.seed}-${SOURCE}`, '--size', '320x240', '--fps', '2'],
  ];
  return {
    brokerUrl,
    usersFile,
    cameras,
    sources: ownBroker ? [SOURCE] : [],
    audits,
    logsDir: at('logs'),
    folders: ['', 'config', 'credentials', 'logs', 'state'].map((name) => at(name)),
    files: [
      ...(ownBroker ? [file('broker', broker)] : []),
      file(MONITOR, monitor),
      ...[...cameras].map(([node, camera], index) => file(node, edge(node, camera, index))),
    ],
    services: [
      ...(ownBroker ? [{ name: 'broker', kind: 'broker' as const, args: run('broker', 'broker') }] : []),
      { name: MONITOR, kind: 'monitor', args: run('monitor', MONITOR) },
      ...nodes.map((node) => ({ name: node, kind: 'node' as const, args: nodeArgs(node) })),
      {
        name: SENSORS,
        kind: 'sensors',
        args: [
          ...['sim', 'sensors', '--broker', brokerUrl, '--node', SENSORS, '--seed', options.seed],
          ...['--password-file', secret(SENSORS), '--state', at('state')],
        ],
      },
      ...(ownBroker ? [{ name: SOURCE, kind: 'source' as const, args: sourceArgs }] : []),
    ],
    identities: [
      ...nodes.map((name) => ({ name, role: 'node' as const, passwordFile: secret(name) })),
      { name: SENSORS, role: 'node', passwordFile: secret(SENSORS) },
      ...(ownBroker ? [{ name: SOURCE, role: 'source' as const, passwordFile: secret(SOURCE) }] : []),
      { name: MONITOR, role: 'monitor', passwordFile: secret(MONITOR) },
      { name: OPERATOR, role: 'operator', passwordFile: secret(OPERATOR) },
    ],
  };
}

const HEADER = '# Written by `vedette demo` at every start; changes are lost. See deploy/ for files to start from.\n';

function superviseThrough({ byNode, keyFile }: DemoDoors): object {
  const boards = [...byNode].map(([node, { port, hostKey }]) => [
    node,
    { host: '127.0.0.1', port, user: BOARD_USER, hostKey },
  ]);
  return { boards: Object.fromEntries(boards), sshKeyFile: keyFile, plan: MONITOR_PLAN, timing: MONITOR_TIMING };
}

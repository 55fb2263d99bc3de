import { join } from 'node:path';
import { workDir } from './lab-command.js';

/** Who lives where. Board 1 has the broker and the monitor, the others a node each. */
export const BROKER_BOARD = 1;
export const NODES = { cam2: 2, cam3: 3 } as const;
export type NodeName = keyof typeof NODES;

const NET = process.env.LAB_NET ?? '10.77.0';
/** This machine, as the boards see it. */
export const HERE = `${NET}.1`;

export function addressOf(board: number): string {
  return `${NET}.${10 + board}`;
}

export function unitOf(node: NodeName): string {
  return `vedette-edge@${node}.service`;
}

/** A short beat, so that a chapter takes seconds where a fleet takes minutes; nothing else differs from the defaults. */
export const BEAT_MS = 1000;

/** What a node's own supervisor gets: RestartSec of 1 s, and a start that takes 2 to 4 s. */
export const GRACE_MS = 8000;

export function keyFile(name: string): string {
  return join(workDir(), `${name}.key`);
}

export function passwordFile(user: string): string {
  return join(workDir(), `${user}.password`);
}

const SITE = `site: { name: lab, brokers: ["mqtt://${addressOf(BROKER_BOARD)}:1883"] }\n`;

export const BROKER_YAML = `site: { name: lab }
broker: { name: main, passwordFile: /var/lib/vedette-broker/users }
`;

/** Limits of the vision process are tight, so that a chapter need not wait for the generous ones. */
export function nodeYaml(node: NodeName): string {
  return `${SITE}edge:
  node: ${node}
  passwordFile: password
  cameras: { front: { source: sim:7 } }
  timing: { beatMs: ${BEAT_MS} }
  limits: { frameDeadlineMs: 5000, startDeadlineMs: 30000 }
`;
}

const UNIT_OF_MONITOR = { passwordFile: 'password', sshKeyFile: 'ssh-key' };

/**
 * A monitor that acts, with its times short for the same reason as the beat: what a fleet decides in minutes takes
 * seconds here. YAML in the words of JSON.
 * @param hostKeys fingerprints by board.
 * @param files where its secrets are; as the shipped unit has them unless given.
 * @param plan more of its plan.
 */
export function actingMonitor(
  name: string,
  hostKeys: ReadonlyMap<number, string>,
  files = UNIT_OF_MONITOR,
  plan: Readonly<Record<string, number>> = {},
): string {
  const boards = [...hostKeys].map(([board, hostKey]) => [`board${board}`, { host: addressOf(board), hostKey }]);
  const monitor = {
    name,
    ...files,
    nodes: { cam2: { board: `board${NODES.cam2}` }, cam3: { board: `board${NODES.cam3}` } },
    boards: Object.fromEntries(boards),
    brokers: { main: { board: `board${BROKER_BOARD}` } },
    timing: { beatMs: BEAT_MS, settleMs: 5000, graceMs: GRACE_MS },
    plan: {
      ...{ verifyMs: 40_000, retryMs: 1000, staleMs: 8000, wedgedMs: 8000, startMs: 45_000 },
      restartDelaysMs: [0, 5000],
      ...plan,
    },
  };
  return `${SITE}monitor: ${JSON.stringify(monitor)}\n`;
}

/** Grace and settling are short for the same reason as the beat. */
export const MONITOR_YAML = `${SITE}monitor:
  name: monitor
  passwordFile: password
  nodes: { cam2: {}, cam3: {} }
  timing: { beatMs: ${BEAT_MS}, settleMs: 5000, graceMs: 10000 }
`;

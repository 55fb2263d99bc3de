import { writeFileSync } from 'node:fs';
import { hostKeyFingerprint, makeKeyPair } from '../../firmware-sim/board/ssh-door.js';
import { freePort } from '../free-port.js';
import type { Program } from './demo-run.js';
import type { Site } from './site.js';

/** Far above what a loaded machine makes of a heartbeat every half second. */
const TIMING = { beatMs: 500, leaseMs: 15_000, settleMs: 15_000, graceMs: 5_000 };
const PLAN = { verifyMs: 90_000, retryMs: 1_000, restartDelaysMs: [0], doubtTrialMs: 3_600_000 };
/** So many more results disputed after a restart, and a doubted node is given up. */
export const DOUBT_DISPUTES_MAX = 3;

export type MonitoredBoard = {
  /** The node on it. */
  readonly node: string;
  /** Configuration of the node. */
  readonly config: string;
  readonly stateDir: string;
  /** What else the monitor watches, without a board it may act on. */
  readonly others: readonly string[];
};

/** Starts a board with one node, and the monitor `mon1`, a user of the site, that has the key to its door. */
export async function startMonitoredBoard(site: Site, of: MonitoredBoard): Promise<Program> {
  const { node, config, stateDir, others } = of;
  const host = makeKeyPair('board');
  const monitor = makeKeyPair('monitor');
  const port = await freePort();
  const write = (name: string, text: string) => {
    writeFileSync(site.path(name), text, { mode: 0o600 });
    return site.path(name);
  };
  const keys = [
    '--host-key',
    write('host-key', host.privateKey),
    '--authorized-key',
    write('key.pub', monitor.publicKey),
  ];
  const state = ['--state', stateDir, '--port', `${port}`];
  const board = site.start('board', 'sim', 'board', '--node', node, '--config', config, ...keys, ...state);
  const monitorConfig = site.writeConfig('monitor', {
    site: { brokers: [site.brokerUrl] },
    monitor: {
      ...{ name: 'mon1', passwordFile: site.path('mon1.password'), sshKeyFile: write('key', monitor.privateKey) },
      nodes: { [node]: { board: 'barn' }, ...Object.fromEntries(others.map((other) => [other, {}])) },
      boards: { barn: { host: '127.0.0.1', port, hostKey: hostKeyFingerprint(host.privateKey) } },
      ...{ timing: TIMING, plan: { ...PLAN, doubtDisputesMax: DOUBT_DISPUTES_MAX } },
    },
  });
  site.start('monitor', 'monitor', '--config', monitorConfig, '--state', site.path('state'));
  return board;
}

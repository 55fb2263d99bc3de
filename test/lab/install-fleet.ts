import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  addressOf,
  BROKER_BOARD,
  BROKER_YAML,
  HERE,
  keyFile,
  NODES,
  type NodeName,
  nodeYaml,
  passwordFile,
} from './fleet-plan.js';
import { lab, push, ran, workDir } from './lab-command.js';

const USERS = '/var/lib/vedette-broker/users';

/** Puts the shipped software on the boards, as docs/operations.md says, and starts it. Once per life of the boards. */
export async function setup(): Promise<void> {
  const marker = join(workDir(), 'installed');
  const boards = (await lab('status', '--json')).replaceAll(/"(memBytes|diskUsedKiB)":\d+/g, '');
  const life = await lab('exec', '1', 'cat', '/etc/machine-id');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === life) return;
  rmSync(marker, { force: true });
  console.error(`installing on ${boards.match(/"name"/g)?.length ?? 0} boards`);
  await makeKey('monitor');
  await makeKey('stranger');
  await Promise.all([1, 2, 3].map(installBoard));
  await installBroker();
  for (const node of ['cam2', 'cam3'] as const) await installNode(node);
  for (const board of [1, 2, 3]) await lab('exec', String(board), 'sync');
  writeFileSync(marker, life);
}

async function makeKey(name: string): Promise<void> {
  rmSync(keyFile(name), { force: true });
  const { status, err } = await ran('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', keyFile(name)]);
  if (status !== 0) throw new Error(`ssh-keygen: ${err}`);
}

async function installBoard(board: number): Promise<void> {
  await lab('exec', String(board), '/usr/lib/vedette/deploy/install-board');
}

async function installBroker(): Promise<void> {
  const board = String(BROKER_BOARD);
  await allowMonitor(BROKER_BOARD);
  await push(BROKER_BOARD, BROKER_YAML, '/etc/vedette/broker.yaml');
  await lab(
    'exec',
    board,
    'install',
    '-d',
    '-o',
    'vedette-broker',
    '-g',
    'vedette-broker',
    '-m',
    '700',
    '/var/lib/vedette-broker',
  );
  const users = {
    cam2: 'node',
    cam3: 'node',
    monitor: 'monitor',
    'monitor-b': 'monitor',
    watcher: 'reader',
    anna: 'operator',
  };
  for (const [user, role] of Object.entries(users)) {
    const passwd = ['vedette', 'broker', 'passwd', USERS, user, '--role', role, '--generate'];
    const password = await lab('exec', board, 'runuser', '-u', 'vedette-broker', '--', ...passwd);
    writeFileSync(passwordFile(user), password, { mode: 0o600 });
    chmodSync(passwordFile(user), 0o600);
  }
  await lab('exec', board, 'systemctl', 'enable', '--now', 'vedette-broker.service');
}

async function installNode(node: NodeName): Promise<void> {
  const board = NODES[node];
  await allowMonitor(board);
  await push(board, nodeYaml(node), `/etc/vedette/edge/${node}.yaml`);
  await push(board, readFileSync(passwordFile(node), 'utf8'), `/etc/vedette/edge/${node}.password`, 0o600);
  await lab('exec', String(board), 'systemctl', 'enable', '--now', `vedette-edge@${node}.service`);
}

/** The line of docs/operations.md, for the monitors of these chapters: this machine and board 1. */
async function allowMonitor(board: number): Promise<void> {
  const key = readFileSync(`${keyFile('monitor')}.pub`, 'utf8').trim();
  const from = `${HERE},${addressOf(BROKER_BOARD)},${addressOf(3)}`;
  await push(
    board,
    `restrict,from="${from}",command="/usr/local/sbin/vedette-boardctl" ${key}\n`,
    '/etc/ssh/vedette-ctl.keys',
  );
}

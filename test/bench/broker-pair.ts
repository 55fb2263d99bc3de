import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setUser } from '../../broker/password-command.js';
import { readUsers, writeUsers } from '../../broker/password-file.js';
import { freePort } from '../free-port.js';
import type { Login } from './load-client.js';
import { rssMiB } from './process-cost.js';

const PASSWORD = 'password of the bench';

/** A broker that runs as a process of its own, on loopback. */
export type RunningBroker = { readonly name: string; readonly port: number; readonly rssMiB: () => number };

/** A user of the bench as a client: one that reads everything, or a node by its name. */
export function loginOf(user: string, clientId = user): Login {
  return { clientId, user, password: PASSWORD };
}

/** Our broker, and Mosquitto where it is installed. They end with `stop`. */
export class BrokerPair {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly brokers: RunningBroker[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Ours with its journal, its users and the rights of each; `nodes` are those that may publish.
   * Mosquitto without users and rights, which costs it nothing, and with queues large enough to lose nothing.
   */
  async start(nodes: readonly string[], fsync: string): Promise<readonly RunningBroker[]> {
    this.brokers.push(await this.#startOurs(nodes, fsync));
    const mosquitto = await this.startMosquitto();
    if (mosquitto !== undefined) this.brokers.push(mosquitto);
    return this.brokers;
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }

  async #startOurs(nodes: readonly string[], fsync: string): Promise<RunningBroker> {
    const port = await freePort();
    const stateDir = join(this.#folder, 'state');
    await mkdir(stateDir, { recursive: true });
    const passwordFile = join(this.#folder, 'passwords');
    await writeNodes(passwordFile, nodes);
    const config = { tcp: { host: '127.0.0.1', port }, stateDir, passwordFile, journal: { fsync } };
    const module = (path: string) => JSON.stringify(new URL(`../../broker/${path}`, import.meta.url).href);
    const script = `
      import { BrokerConfig } from ${module('config.js')};
      import { runBrokerMain } from ${module('main.js')};
      await runBrokerMain(BrokerConfig.parse(${JSON.stringify(config)}), new AbortController().signal);
    `;
    return this.#started('vedette broker', process.execPath, ['--input-type=module', '-e', script], port);
  }

  /** Mosquitto alone; undefined where it is not installed. */
  async startMosquitto(): Promise<RunningBroker | undefined> {
    const program = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto'].find((path) => existsSync(path));
    if (program === undefined) return undefined;
    const port = await freePort();
    const path = join(this.#folder, 'mosquitto.conf');
    const settings = ['allow_anonymous true', 'set_tcp_nodelay true', 'max_inflight_messages 200'];
    await writeFile(path, [`listener ${port} 127.0.0.1`, ...settings, 'max_queued_messages 1000000', ''].join('\n'));
    return this.#started('mosquitto', program, ['-c', path], port);
  }

  async #started(name: string, program: string, programArgs: readonly string[], port: number): Promise<RunningBroker> {
    const child = spawn(program, programArgs, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.push(child);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2000);
    });
    while (!(await accepts(port))) if (child.exitCode !== null) throw new Error(`${program} ended: ${errors}`);
    return { name, port, rssMiB: () => rssMiB(child.pid ?? 0) };
  }
}

// One password for all, hashed once: to make a thousand hashes would take longer than the bench.
async function writeNodes(passwordFile: string, nodes: readonly string[]): Promise<void> {
  await setUser({ path: passwordFile, name: 'alice', role: 'reader', password: PASSWORD });
  const users = new Map(await readUsers(passwordFile));
  const hash = users.get('alice')?.hash;
  for (const name of nodes) users.set(name, { name, role: 'node', hash });
  await writeUsers(passwordFile, users);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => setTimeout(() => done(false), 20));
  });
}

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { freePort } from '../free-port.js';
import { Program, until } from './demo-run.js';
import type { Site } from './site.js';

const DEPLOY = resolve('deploy/mosquitto');

/** A real Mosquitto with the shipped configuration and rights, moved to a free port and into the folder of a site. */
export class Mosquitto {
  readonly #site: Site;
  readonly #folder: string;
  #program: Program | undefined;
  port = 0;

  constructor(site: Site) {
    this.#site = site;
    this.#folder = site.folder('mosquitto');
    mkdirSync(this.credentials);
    // Mosquitto gives up root for a user of its own, who must reach its files.
    chmodSync(site.dir, 0o711);
    chmodSync(this.#folder, 0o777);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Folder of `NAME.password` files. */
  get credentials(): string {
    return this.#site.path('credentials');
  }

  passwordFile(name: string): string {
    return resolve(this.credentials, `${name}.password`);
  }

  /** Arguments of mosquitto_sub and mosquitto_pub for a user. */
  clientOf(name: string): string[] {
    const password = readFileSync(this.passwordFile(name), 'utf8').trim();
    return ['-h', '127.0.0.1', '-p', `${this.port}`, '-u', name, '-P', password];
  }

  /** Adds a user as the shipped script does it. */
  async addUser(name: string, role: string): Promise<void> {
    writeFileSync(this.passwordFile(name), `${randomBytes(15).toString('hex')}\n`, { mode: 0o600 });
    const files = [`${this.#folder}/passwords`, `${this.#folder}/acl`];
    const script = `exec "$0" "$@" < ${this.passwordFile(name)}`;
    const added = new Program('sh', ['-c', script, resolve(DEPLOY, 'add-user'), role, name, ...files]);
    if ((await added.exit) !== 0) throw new Error(`no user ${name}: ${added.errors.join('\n')}`);
    for (const file of files) chmodSync(file, 0o644);
  }

  /** Starts it, on the port it had before if it had one. */
  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const conf = readFileSync(resolve(DEPLOY, 'mosquitto.conf'), 'utf8')
      .replace('/etc/mosquitto/vedette.passwords', `${this.#folder}/passwords`)
      .replace('/etc/mosquitto/vedette.acl', `${this.#folder}/acl`)
      .replace('/var/lib/mosquitto/', `${this.#folder}/`)
      .replace('listener 1883', `listener ${this.port} 127.0.0.1`);
    writeFileSync(`${this.#folder}/mosquitto.conf`, conf);
    const program = this.#site.keep(
      'mosquitto',
      new Program('/usr/sbin/mosquitto', ['-c', `${this.#folder}/mosquitto.conf`]),
    );
    this.#program = program;
    let isListening = false;
    await until(
      () => `Mosquitto listens: ${program.errors.join('\n')}`,
      () => {
        void accepts(this.port).then((yes) => {
          isListening ||= yes;
        });
        return isListening;
      },
      20_000,
    );
  }

  async kill(): Promise<void> {
    await this.#program?.end('SIGKILL');
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

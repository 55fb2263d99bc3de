import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../base/clock.js';
import { parseConfig } from '../../base/config.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { type Broker, openBroker } from '../../broker/broker.js';
import { BrokerConfig } from '../../broker/config.js';
import { setUser } from '../../broker/password-command.js';
import { Boardctl } from '../../firmware-sim/board/boardctl.js';
import { makeKeyPair, SshDoor } from '../../firmware-sim/board/ssh-door.js';
import { UnitProcess } from '../../firmware-sim/board/unit-process.js';
import { MonitorFile } from '../../monitor/config.js';
import { runMonitor } from '../../monitor/main.js';
import type { PlanMode } from '../../monitor/plan/plan-step.js';
import { routes } from '../../protocol/routes.js';
import type { Incident, Maintenance, Notice, Roster } from '../../protocol/status.js';
import { fingerprintOfKey, monitorKey } from './restarter/simulated-door.js';

const PASSWORD = 'only-for-this-test';
const MONITORS = ['m1', 'm2'];
/** A fleet that beats fifty times as fast as a real one. */
const TIMING = { beatMs: 200, settleMs: 1_000, graceMs: 1_000, reconcileMs: 60_000 };

/** What the service of the board is: a node whose camera sees, is unplugged or shows nothing; or one that never starts. */
export type Service = 'seeing' | 'unplugged' | 'blind' | 'broken';

/** What one test's monitor has besides, or other than the others. */
export type MonitorChange = {
  readonly plan?: object;
  readonly webhook?: object;
  readonly mode?: PlanMode;
  readonly nodes?: object;
  readonly boards?: object;
};

/** A broker, one simulated board with one node as a real process, and monitors: all that acts is real but the board. */
export class SupervisedSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'vedette-site-'));
  readonly clock = new SystemClock();
  readonly incidents: Incident[] = [];
  readonly notices: Notice[] = [];
  readonly rosters = new Map<string, Roster>();
  /** Orders that the board got, with outcomes; probes too. */
  readonly orders: string[] = [];
  readonly #parts = { clock: this.clock, log: silentLog, random: new Random('site') };
  readonly #hostKey = makeKeyPair('board');
  readonly #running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  #broker: Broker | undefined;
  #door: SshDoor | undefined;
  #unit: UnitProcess | undefined;
  #ops: Link | undefined;
  #boardPort = 0;

  async open(service: Service): Promise<void> {
    const passwordFile = join(this.dir, 'users');
    await setUser({ path: passwordFile, name: 'cam1', role: 'node', password: PASSWORD });
    await setUser({ path: passwordFile, name: 'ops', role: 'operator', password: PASSWORD });
    for (const name of MONITORS) await setUser({ path: passwordFile, name, role: 'monitor', password: PASSWORD });
    writeFileSync(join(this.dir, 'password'), PASSWORD, { mode: 0o600 });
    writeFileSync(join(this.dir, 'ssh-key'), monitorKey.privateKey, { mode: 0o600 });
    const tcp = { host: '127.0.0.1', port: 0 };
    const config = BrokerConfig.parse({ tcp, passwordFile, stateDir: join(this.dir, 'broker') });
    this.#broker = await openBroker(config, this.#parts);
    await this.#openBoard(service);
    const login = { username: 'ops', password: PASSWORD, clientId: 'ops', root: 'vedette' };
    const ops = new Link({ ...this.#parts, ...login, url: this.url });
    ops.subscribe(routes.incident, {}, ({ payload }) => this.incidents.push(payload));
    ops.subscribe(routes.notice, {}, ({ payload }) => this.notices.push(payload));
    ops.subscribe(routes.roster, {}, ({ params, payload }) => this.rosters.set(params.monitor, payload));
    const isUp = new Promise<void>((resolve) => ops.onUp(resolve));
    ops.open();
    await isUp;
    this.#ops = ops;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#broker?.ports.tcp ?? 0}`;
  }

  get unit(): UnitProcess {
    if (this.#unit === undefined) throw new Error('the board is not open');
    return this.#unit;
  }

  /** The board's door, as an inventory has it. */
  get door(): { readonly host: string; readonly port: number; readonly hostKey: string } {
    return { host: '127.0.0.1', port: this.#boardPort, hostKey: fingerprintOfKey(this.#hostKey.privateKey) };
  }

  /** Starts a monitor over the state of its earlier life, if it had one. */
  startMonitor(name: string, options: MonitorChange = {}): void {
    const { plan = {}, webhook, mode, nodes = {}, boards = {} } = options;
    const text = JSON.stringify({
      site: { brokers: [this.url] },
      monitor: {
        name,
        passwordFile: join(this.dir, 'password'),
        sshKeyFile: join(this.dir, 'ssh-key'),
        nodes: { cam1: { board: 'barn' }, ...nodes },
        boards: { barn: this.door, ...boards },
        timing: TIMING,
        plan: { verifyMs: 30_000, retryMs: 500, restartDelaysMs: [0], ...plan },
        ...(webhook === undefined ? {} : { webhook }),
      },
    });
    const file = parseConfig(text, { path: 'site.yaml', schema: MonitorFile, env: {} });
    const stop = new AbortController();
    const run = { ...this.#parts, signal: stop.signal, stateDir: this.dir, version: '0', ...(mode ? { mode } : {}) };
    this.#running.set(name, { stop, done: runMonitor(file, run) });
  }

  async stopMonitor(name: string): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    running?.stop.abort();
    await running?.done;
    this.rosters.delete(name);
  }

  /** A person's word, as `vedette monitor maintenance` gives it. */
  async hold(maintenance: Omit<Maintenance, 'v'> | undefined): Promise<void> {
    if (maintenance === undefined) await this.#ops?.publishEmpty(routes.maintenance, { node: 'cam1' });
    else await this.#ops?.publish(routes.maintenance, { node: 'cam1' }, { v: 1, ...maintenance });
  }

  /** The service dies; incidents of before are nobody's business from here on. */
  kill(): void {
    this.incidents.length = 0;
    this.notices.length = 0;
    process.kill(this.unit.state.pid ?? Number.NaN, 'SIGKILL');
  }

  ordersOf(verb: string): string[] {
    return this.orders.filter((order) => order.startsWith(`${verb} `));
  }

  lastIncident(): Incident | undefined {
    return this.incidents.at(-1);
  }

  async close(): Promise<void> {
    for (const name of [...this.#running.keys()]) await this.stopMonitor(name);
    await this.#unit?.stop();
    await this.#door?.close();
    await this.#ops?.close();
    await this.#broker?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #openBoard(service: Service): Promise<void> {
    const { clock } = this;
    const port = String(this.#broker?.ports.tcp ?? 0);
    const bare = ['test/monitor/bare-node.mjs', port, 'cam1', join(this.dir, 'password'), service];
    this.#unit = new UnitProcess({
      command: [process.execPath, ...(service === 'broken' ? ['-e', 'process.exit(1)'] : bare)],
      env: { PATH: process.env.PATH },
      runtimeDir: this.dir,
      clock,
      onEnd: () => {},
    });
    const boardctl = new Boardctl({
      unitName: 'vedette-edge@cam1.service',
      unit: this.#unit,
      runtimeDir: this.dir,
      boot: '0'.repeat(36),
      clock,
      reboot: () => {},
      audit: () => {},
    });
    this.#door = new SshDoor({
      host: '127.0.0.1',
      port: 0,
      hostKey: this.#hostKey.privateKey,
      authorizedKey: monitorKey.publicKey,
      user: 'vedette-ctl',
      run: async (line) => {
        const answer = await boardctl.answer(line);
        this.orders.push(`${line} -> ${answer.outcome}`);
        return JSON.stringify(answer);
      },
    });
    this.#boardPort = await this.#door.open();
    this.#unit.start();
  }
}

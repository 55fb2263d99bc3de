import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { OperationError } from '../../base/errors.js';
import { FolderLock } from '../../base/folder-lock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { printable, type Terminal } from '../../base/terminal/terminal.js';
import { isBeyondRestart, noteUnitEnd } from '../../firmware-sim/board/unit-end.js';
import { DEFAULT_ROOT } from '../../protocol/routes.js';
import { readDemoPassword, writeDemoState } from './credentials.js';
import { openDoors } from './demo-doors.js';
import { type DemoOptions, type DemoPlan, type DemoService, MONITOR, OPERATOR, planDemo } from './demo-plan.js';
import { buildDemoStatus, type DemoStatus } from './demo-status.js';
import { listenToFleet } from './fleet-listener.js';
import { FleetView } from './fleet-view.js';
import { lastLine } from './last-line.js';
import { InPlace, renderDemo } from './live-table.js';
import { checkDemo } from './preflight.js';
import { type ChildExit, SupervisedChild } from './supervised-child.js';
import { mosquittoLine } from './try-lines.js';

/** How often the table is drawn on a terminal, and an object printed with `--json`. */
const TICK_MS = 1_000;
/** How often a block is printed where nobody draws over it. */
const BLOCK_MS = 5_000;
/** A broker that cannot be reached for this long after its start is told as an error. */
const BROKER_START_MS = 20_000;
/** How long the nodes wait for the monitor: twice what Node needs to start on a Raspberry Pi 4. */
const MONITOR_START_MS = 5_000;
/** How long the last words of the nodes may take to arrive before the summary. */
const LAST_WORDS_MS = 300;

export type DemoIo = {
  readonly out: Terminal;
  readonly err: Terminal;
  readonly clock: Clock;
  /** Program and entry of `vedette` itself, which every role is a process of. */
  readonly self: readonly [program: string, entry: string];
  /** Height of the window, lines, if known. */
  readonly rows: () => number | undefined;
};

/**
 * Runs the whole of Vedette on this machine until the signal aborts or the duration is over: broker, monitor, camera
 * nodes and sensor board, each a process of its own, and a table of what arrives from them over MQTT. Ends them in
 * reverse order and leaves none behind.
 * @throws OperationError `port-busy` (69), `state-unwritable`, `state-locked` (73), `model-missing`, `model-invalid`,
 * `manifest-invalid`, `config-invalid`, `credentials-invalid` (78), `unreachable` (69) if the broker does not come up; nothing runs any more then.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal, io: DemoIo): Promise<void> {
  const port = await checkDemo(options);
  // Two demos on one folder would write each other's configurations and start each other's restarts.
  const lock = await FolderLock.acquire(options.stateDir, 'demo');
  try {
    const plan = planDemo(options, port, await openDoors(options));
    await writeDemoState(plan);
    // How a node ended in an earlier demo says nothing about this one.
    for (const node of plan.cameras.keys()) await noteUnitEnd(boardRunDir(options, node), null);
    if (signal.aborted) return;
    const demo = new Demo(options, plan, io, await openListener(plan, io));
    await demo.run(signal);
  } finally {
    await lock.release();
  }
}

function boardRunDir({ stateDir }: DemoOptions, node: string): string {
  return join(stateDir, 'state', 'run', node);
}

async function openListener(plan: DemoPlan, io: DemoIo): Promise<Link> {
  // Our own broker lets anybody on this machine read; another one may not.
  const password = plan.usersFile === undefined ? await readDemoPassword(plan, OPERATOR) : undefined;
  return new Link({
    url: plan.brokerUrl,
    clientId: `demo-${randomBytes(6).toString('hex')}`,
    root: DEFAULT_ROOT,
    ...(password === undefined ? {} : { username: OPERATOR, password }),
    clock: io.clock,
    random: new Random(randomBytes(8).toString('hex')),
    log: silentLog,
    // The table must be there a moment after the broker is.
    limits: { reconnectFirstMs: 200, reconnectMaxMs: 2_000 },
  });
}

class Demo {
  readonly #options: DemoOptions;
  readonly #plan: DemoPlan;
  readonly #io: DemoIo;
  readonly #link: Link;
  readonly #view = new FleetView();
  readonly #children: ReadonlyMap<string, SupervisedChild>;
  readonly #startedMonoMs: number;
  readonly #failed = new AbortController();
  #isEnding = false;
  #wasConnected = false;
  #notice = '';

  constructor(options: DemoOptions, plan: DemoPlan, io: DemoIo, link: Link) {
    this.#options = options;
    this.#plan = plan;
    this.#io = io;
    this.#link = link;
    this.#startedMonoMs = io.clock.monoMs();
    this.#children = new Map(
      plan.services.map((service) => [
        service.name,
        new SupervisedChild({
          service,
          logsDir: plan.logsDir,
          self: io.self,
          clock: io.clock,
          onExit: (child, exit, willRestart) => this.#onExit(child, exit, willRestart),
        }),
      ]),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { durationS } = this.#options;
    const ends = [signal, this.#failed.signal];
    if (durationS !== undefined) ends.push(AbortSignal.timeout(durationS * 1000));
    const end = AbortSignal.any(ends);
    const starting = this.#start(end).catch((error) => this.#failed.abort(error));
    let last: DemoStatus;
    try {
      await this.#show(end);
      await starting;
      last = this.#status();
    } finally {
      this.#isEnding = true;
      await this.#stop();
    }
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
    // A short duration may be over before the wait for a broker is. Ours was only slow to start; one that was named
    // may not be there at all.
    if (!this.#wasConnected && !signal.aborted && this.#plan.usersFile === undefined) throw this.#unreachable();
    this.#summarise(last, signal.aborted ? 'signal' : 'duration');
  }

  // The broker first, so that nobody's first connect fails; then the monitor, which must hear births to believe them;
  // then all at once.
  async #start(end: AbortSignal): Promise<void> {
    listenToFleet(this.#link, this.#view, this.#io.clock);
    this.#children.get('broker')?.start();
    this.#link.open();
    await this.#connected(end);
    await this.#startMonitor(end);
    for (const child of this.#children.values()) {
      if (['node', 'sensors', 'source'].includes(child.service.kind) && !end.aborted) child.start();
    }
    if (!this.#options.json && !end.aborted && !this.#io.out.isTty) {
      this.#io.out.writeLine(`vedette demo: try  ${mosquittoLine(this.#plan.brokerUrl)}`);
    }
  }

  async #startMonitor(end: AbortSignal): Promise<void> {
    const { clock } = this.#io;
    if (end.aborted) return;
    this.#children.get(MONITOR)?.start();
    // A monitor that does not come is no reason to show nothing.
    const untilMonoMs = clock.monoMs() + MONITOR_START_MS;
    while (this.#view.monitor?.state !== 'online' && clock.monoMs() < untilMonoMs && !end.aborted) {
      await clock.sleep(50, end).catch(() => {});
    }
  }

  async #connected(end: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const until = AbortSignal.any([end, waiting.signal]);
    const isUp = new Promise<void>((resolve) => this.#link.onUp(resolve)).then(() => {
      this.#wasConnected = true;
    });
    const isLate = this.#io.clock.sleep(BROKER_START_MS, until).then(
      () => true,
      () => false,
    );
    const late = await Promise.race([isUp.then(() => false), isLate]);
    waiting.abort();
    if (late) throw this.#unreachable();
  }

  #unreachable(): OperationError {
    return new OperationError({
      code: 'unreachable',
      op: 'reach',
      subject: `broker ${this.#plan.brokerUrl}`,
      message: this.#link.lastError?.reason ?? 'no answer',
      hint:
        this.#plan.usersFile === undefined
          ? 'is it running, and are the credentials its own? The demo reads as operator, by operator.password in --credentials'
          : `look into ${this.#plan.logsDir}`,
      cause: this.#link.lastError,
    });
  }

  async #show(end: AbortSignal): Promise<void> {
    const { out, clock, rows } = this.#io;
    const inPlace = new InPlace(out, rows);
    const everyMs = this.#options.json || out.isTty ? TICK_MS : BLOCK_MS;
    let dueMonoMs = clock.monoMs();
    while (!end.aborted) {
      dueMonoMs += everyMs;
      await clock.sleep(Math.max(0, dueMonoMs - clock.monoMs()), end).catch(() => {});
      if (end.aborted) return;
      const status = this.#status();
      if (this.#options.json) out.writeJson(status);
      else if (out.isTty) inPlace.draw(renderDemo(out, status, this.#notice));
      else out.write(`\n${renderDemo(out, status, this.#notice)}`);
    }
  }

  #status(): DemoStatus {
    const { clock } = this.#io;
    return buildDemoStatus(this.#plan, this.#view, this.#children, {
      elapsedMs: clock.monoMs() - this.#startedMonoMs,
      nowMs: clock.nowMs(),
      isConnected: this.#link.isUp,
      isEnding: this.#isEnding,
      failures: this.#failures(),
    });
  }

  #failures(): ReadonlyMap<string, string> {
    const failed = [...this.#plan.cameras.keys()].flatMap((node): [string, string][] => {
      const child = this.#children.get(node);
      if (child === undefined || !isBeyondRestart(boardRunDir(this.#options, node))) return [];
      return [[node, child.lastWords()]];
    });
    return new Map(failed);
  }

  // A role that cannot even begin ends the demo with its own words; any other is started again.
  #onExit(child: SupervisedChild, exit: ChildExit, willRestart: boolean): void {
    const { name } = child.service;
    const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
    this.#notice = `${name} ended by ${how}${willRestart ? ', starting it again' : `: ${child.lastWords()}`}`;
    if (!this.#io.out.isTty) this.#io.err.writeLine(`vedette demo: ${printable(this.#notice)}`);
    if (willRestart || child.restarts > 0) return;
    this.#failed.abort(
      new OperationError({
        code: exit.code === 69 ? 'unreachable' : exit.code === 73 ? 'state-unwritable' : 'config-invalid',
        op: 'run',
        subject: name,
        message: `${how}: ${printable(child.lastWords())}`,
        hint: `its log is ${child.logPath}`,
      }),
    );
  }

  async #stop(): Promise<void> {
    const tiers: DemoService['kind'][][] = [['source', 'sensors', 'node'], ['monitor'], ['broker']];
    for (const tier of tiers) {
      const children = [...this.#children.values()].filter(({ service }) => tier.includes(service.kind));
      await Promise.all(children.map((child) => child.stop()));
      // The broker's own end cuts the listener: what the others said last is to be heard before.
      if (tier.includes('monitor')) {
        await this.#io.clock.sleep(LAST_WORDS_MS);
        await this.#link.close();
      }
    }
  }

  /** @param status what was before everything was ended */
  #summarise(status: DemoStatus, endedBy: 'signal' | 'duration'): void {
    const { out } = this.#io;
    const states = Object.fromEntries(
      [...this.#view.nodes].map(([node, view]) => [node, view.status?.state ?? 'unknown']),
    );
    if (this.#options.json) {
      out.writeJson({ summary: true, endedBy, ...status, finalStates: states });
      return;
    }
    out.writeLine(`\n${lastLine(status)}; logs in ${this.#plan.logsDir}`);
  }
}

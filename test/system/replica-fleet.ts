import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import type { Answer, Cut } from '../../protocol/query.js';
import type { ReplicaState } from '../../protocol/replica.js';
import { routes } from '../../protocol/routes.js';
import { Program, until } from './demo-run.js';
import type { Site } from './site.js';

type NodeOptions = {
  readonly recordsPerS?: number;
  readonly wallOffsetMs?: number;
  /** Brokers in order of preference; the site's own unless given. */
  readonly brokers?: readonly string[];
  readonly stateDir?: string;
  /** File of records to begin with, a JSON object with its time as `t` on each line. */
  readonly script?: string;
  /** Mean time between two polls; 2 s unless given. */
  readonly pollMs?: number;
};

/** Where the nodes and the reader meet, and where their passwords lie. */
export type MeetingPoint = { readonly url: string; passwordFile(name: string): string };

/** What one replica said of a cut. */
export type Verdict = { readonly digest: string; readonly count: number; readonly missing: number };

const HARNESS = resolve(import.meta.dirname, 'replica-node.mjs');

/** Nodes that only keep records, as processes, and a reader that asks each of them the same. */
export class ReplicaFleet {
  readonly #site: Site;
  readonly #broker: MeetingPoint;
  readonly #states = new Map<string, ReplicaState>();
  readonly #programs = new Map<string, Program>();
  readonly #answers = new Map<string, (answer: Answer, from: string) => void>();
  #link: Link | undefined;

  /** @param broker the site's own unless given. */
  constructor(site: Site, broker?: MeetingPoint) {
    this.#site = site;
    this.#broker = broker ?? {
      get url() {
        return site.brokerUrl;
      },
      passwordFile: (name) => site.path(`${name}.password`),
    };
  }

  /** Opens the reader; its user must exist. */
  async open(url = this.#broker.url): Promise<void> {
    const clock = new SystemClock();
    const password = readFileSync(this.#broker.passwordFile('reader1'), 'utf8').trim();
    const link = new Link({
      ...{ url, password, clock, log: silentLog, root: 'vedette', clientId: 'reader1', username: 'reader1' },
      random: new Random('reader'),
      limits: { reconnectMaxMs: 2_000 },
    });
    link.subscribe(routes.answer, { recipient: 'reader1' }, ({ params, payload }) => {
      this.#answers.get(payload.id)?.(payload, params.sender);
    });
    link.subscribe(routes.replica, {}, ({ params, payload }) => {
      this.#states.set(params.node, payload);
    });
    link.open();
    this.#link = link;
    await until('the reader is connected', () => link.isUp, 20_000);
  }

  start(node: string, options: NodeOptions = {}): Program {
    const { recordsPerS = 0, wallOffsetMs = 0, brokers = [this.#broker.url], script = '', pollMs = 2_000 } = options;
    const stateDir = options.stateDir ?? this.#site.folder(node);
    const args = [brokers.join(','), node, this.#broker.passwordFile(node), stateDir, this.#sideFile];
    const all = [HARNESS, ...args, `${recordsPerS}`, `${wallOffsetMs}`, script, `${pollMs}`];
    const program = this.#site.keep(node, new Program(process.execPath, all));
    this.#programs.set(node, program);
    return program;
  }

  async kill(node: string): Promise<void> {
    const program = this.#program(node);
    program.child.kill('SIGKILL');
    await program.exit;
  }

  async stop(node: string): Promise<void> {
    const program = this.#program(node);
    program.child.kill('SIGTERM');
    await program.exit;
  }

  signal(node: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#program(node).child.kill(signal);
  }

  /** Takes away a node's disk; it must not run. */
  wipe(node: string): void {
    rmSync(this.#site.path(node), { recursive: true, force: true });
  }

  /** What a node's replica published last. */
  state(node: string): ReplicaState | undefined {
    return this.#states.get(node);
  }

  /** What the nodes say they appended: the newest seq of each epoch of each. */
  appended(): Cut {
    const newest = new Map<string, number>();
    const text = existsSync(this.#sideFile) ? readFileSync(this.#sideFile, 'utf8') : '';
    for (const line of text.split('\n')) {
      const [node, epoch, seq] = line.split(' ');
      if (seq === undefined) continue;
      const key = `${node} ${epoch}`;
      newest.set(key, Math.max(newest.get(key) ?? 0, Number(seq)));
    }
    return [...newest].map(([key, seq]): Cut[number] => {
      const [node = '', epoch = ''] = key.split(' ');
      return [node, epoch, seq];
    });
  }

  /** Asks one replica for the digest of everything up to a cut; undefined when it does not answer or refuses. */
  async ask(node: string, cut: Cut, waitMs = 2_000): Promise<Verdict | undefined> {
    const link = this.#link;
    if (link === undefined) throw new Error('the fleet is not open');
    const id = randomBytes(6).toString('hex');
    const answer = new Promise<Answer | undefined>((done) => {
      this.#answers.set(id, (payload) => done(payload));
      setTimeout(() => done(undefined), waitMs + 4_000);
    });
    const q = { shape: 'list' as const, filter: {}, limit: 10_000 };
    await link.publish(
      routes.query,
      { recipient: node, sender: 'reader1' },
      { v: 1, id, q, cut, want: 'digest', waitMs },
    );
    const said = await answer;
    this.#answers.delete(id);
    if (said === undefined || !said.ok) return undefined;
    return { digest: said.digest, count: said.count, missing: said.missing.length };
  }

  /**
   * Resolves when all these nodes hold all of a cut and give the same digest. @returns ms it took.
   * @throws after `timeoutMs`, with what each said.
   */
  async converged(nodes: readonly string[], cut: Cut, timeoutMs: number): Promise<number> {
    const startedMonoMs = performance.now();
    const wanted = cut.reduce((sum, [, , seq]) => sum + seq, 0);
    let said: (Verdict | undefined)[] = [];
    while (performance.now() - startedMonoMs < timeoutMs) {
      said = await Promise.all(nodes.map((node) => this.ask(node, cut, 500).catch(() => undefined)));
      const [first] = said;
      const isWhole = said.every((one) => one !== undefined && one.missing === 0 && one.count === wanted);
      if (isWhole && said.every((one) => one?.digest === first?.digest)) return performance.now() - startedMonoMs;
      await new Promise((done) => setTimeout(done, 200));
    }
    const words = nodes.map((node, i) => `${node}: ${JSON.stringify(said[i] ?? 'no answer')}`);
    throw new Error(`not converged on ${wanted} records in ${timeoutMs} ms\n${words.join('\n')}\n${this.#site.said()}`);
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  get #sideFile(): string {
    return this.#site.path('appended');
  }

  #program(node: string): Program {
    const program = this.#programs.get(node);
    if (program === undefined) throw new Error(`${node} was not started`);
    return program;
  }
}

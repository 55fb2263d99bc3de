import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Site } from '../system/site.js';
import { type Order, Said } from './replication-words.js';

/** An order that takes longer than this has gone wrong; 100,000 appends take a minute on a busy machine. */
const ANSWER_WITHIN_MS = 180_000;
const PROGRAM = resolve(import.meta.dirname, 'replication-node.js');

/** A node of the bench: a process that does one order at a time. */
export class FleetNode {
  readonly name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /** Starts the process; it has loaded its program and opened nothing. */
  static async start(site: Site, name: string, port: number): Promise<FleetNode> {
    const args = [`mqtt://127.0.0.1:${port}`, name, site.path(`${name}.password`), site.folder(name)];
    const child = fork(PROGRAM, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const node = new FleetNode(name, child);
    await node.#answer();
    return node;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error when the process ends instead of answering, or takes too long and is killed. */
  async tell(order: Order): Promise<Said> {
    const answer = this.#answer();
    this.#child.send(order);
    return answer;
  }

  async stop(): Promise<void> {
    const over = once(this.#child, 'exit');
    await this.tell({ do: 'close' });
    await over;
  }

  /** Without a word. Idempotent. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #answer(): Promise<Said> {
    const ended = new AbortController();
    const over = once(this.#child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error(`${this.name} ended instead of answering`);
    });
    over.catch(() => {});
    const late = setTimeout(() => this.kill(), ANSWER_WITHIN_MS);
    try {
      const [message] = await Promise.race([once(this.#child, 'message', { signal: ended.signal }), over]);
      return Said.parse(message);
    } finally {
      clearTimeout(late);
      ended.abort();
    }
  }
}

/** A broker and nodes, each a process, ended with the work. */
export async function withFleet<T>(
  names: readonly string[],
  work: (site: Site, nodes: FleetNode[]) => Promise<T>,
): Promise<T> {
  const site = await Site.open(...names);
  const nodes: FleetNode[] = [];
  try {
    return await work(site, nodes);
  } finally {
    for (const node of nodes) node.kill();
    await site.close();
  }
}

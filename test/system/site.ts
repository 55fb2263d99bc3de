import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseJson } from '../../protocol/codec.js';
import { descendants, field, isAlive, type Program, runVedette, until } from './demo-run.js';
import { Listener } from './listener.js';

type Section = Readonly<Record<string, unknown>>;

/** How soon a node tells what it knows, so that a chapter need not wait for the times of a real site. */
const QUICK_TIMING = { beatMs: 500, healthMs: 1000 };

/** One site in a folder of its own: a broker, nodes, whoever listens; each a real process, ended with the site. */
export class Site {
  readonly dir: string;
  readonly #programs: { readonly name: string; readonly program: Program }[] = [];
  readonly #atEnd: (() => Promise<unknown>)[] = [];
  #ports: Readonly<Record<string, number>> = {};
  #broker: Program | undefined;

  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'vedette-site-'));
  }

  /** A site with a broker on loopback that lets everybody read, and these nodes as users. */
  static async open(...nodes: string[]): Promise<Site> {
    const site = new Site();
    try {
      for (const node of nodes) await site.addUser(node, 'node');
      await site.startBroker();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  /** The broker that was started last. */
  get broker(): Program | undefined {
    return this.#broker;
  }

  /** Of the broker: its TCP port. */
  get port(): number {
    return this.#ports.tcp ?? 0;
  }

  /** Of the broker, by kind of listener. */
  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  get brokerUrl(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Runs a command to its end; what a person would see. */
  async run(...args: string[]): Promise<{ code: number | null; lines: readonly string[]; errors: readonly string[] }> {
    const program = this.#keep('command', runVedette(...args));
    const code = await program.exit;
    return { code, lines: program.lines, errors: program.errors };
  }

  /** Makes a user with a random password, kept in `NAME.password`. @returns the password. */
  async addUser(name: string, role: string): Promise<string> {
    const { code, lines, errors } = await this.run(
      ...['broker', 'passwd', this.path('users'), name, '--role', role, '--generate'],
    );
    const password = lines[0] ?? '';
    if (code !== 0 || password === '') throw new Error(`no user ${name}: ${errors.join('\n')}`);
    writeFileSync(this.path(`${name}.password`), `${password}\n`, { mode: 0o600 });
    return password;
  }

  /** Starts the broker, on the port it had before if it had one. */
  async startBroker(section: Section = {}): Promise<Program> {
    const { program, ports } = await this.listeningBroker({
      tcp: { host: '127.0.0.1', port: this.port },
      passwordFile: this.path('users'),
      anonymousRead: true,
      ...section,
    });
    this.#ports = ports;
    return program;
  }

  /** Starts a broker with exactly this section. @returns its ports by kind. */
  async listeningBroker(section: Section): Promise<{ program: Program; ports: Record<string, number> }> {
    if (!existsSync(this.path('users'))) await this.addUser('operator', 'operator');
    const config = this.writeConfig('broker', { broker: section });
    const program = this.#keep(
      'broker',
      runVedette('broker', '--config', config, '--state', this.path('state'), '--json'),
    );
    this.#broker = program;
    const line = await until(
      () => `the broker listens; it said: ${program.errors.join('\n')}`,
      () => {
        if (program.isOver) throw new Error(`the broker ended: ${program.errors.join('\n')}`);
        return program.lines.find((text) => text.includes('listening'));
      },
      90_000,
    );
    const ports = Object.entries(field(parseJson(line), 'ports') ?? {}).map(([kind, port]) => [kind, Number(port)]);
    return { program, ports: Object.fromEntries(ports) };
  }

  writeConfig(name: string, sections: Section): string {
    const path = this.path(`${name}.yaml`);
    writeFileSync(path, stringify(sections));
    return path;
  }

  /** A node's whole configuration. */
  edgeSections(node: string, cameras: Section, more: Section = {}): Section {
    const passwordFile = this.path(`${node}.password`);
    const edge = { node, passwordFile, timing: QUICK_TIMING, cameras, ...more };
    return { site: { brokers: [this.brokerUrl] }, edge };
  }

  /** Starts a node. */
  edge(node: string, cameras: Section, more: Section = {}): Program {
    return this.edgeWith(node, this.edgeSections(node, cameras, more));
  }

  /** Starts a node from a whole configuration. @param stateDir default: `state` of the site, as of the broker. */
  edgeWith(node: string, sections: Section, stateDir = this.path('state')): Program {
    const config = this.writeConfig(node, sections);
    return this.#keep(node, runVedette('edge', '--config', config, '--state', stateDir));
  }

  /** Any other `vedette ...` that runs until it is ended. */
  start(name: string, ...args: string[]): Program {
    return this.#keep(name, runVedette(...args));
  }

  keep(name: string, program: Program): Program {
    return this.#keep(name, program);
  }

  listen(): Listener {
    const listener = new Listener(['-h', '127.0.0.1', '-p', `${this.port}`], () => this.said());
    this.#keep('listener', listener.program);
    return listener;
  }

  /** Something to do once every program has ended, before the folder is removed. */
  atEnd(action: () => Promise<unknown>): void {
    this.#atEnd.push(action);
  }

  folder(name: string): string {
    const path = this.path(name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** What everybody who still runs, or ran, has said on standard error: for messages of failed tests. */
  said(): string {
    return this.#programs
      .filter(({ name }) => name !== 'command' && name !== 'listener')
      .map(({ name, program }) => `--- ${name}\n${program.errors.slice(-25).join('\n')}`)
      .join('\n');
  }

  /** Ends everything that still runs, in the reverse order of its start, and removes the folder. */
  async close(): Promise<void> {
    for (const { program } of this.#programs.toReversed()) await endProgram(program);
    for (const action of this.#atEnd.toReversed()) await action();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #keep(name: string, program: Program): Program {
    this.#programs.push({ name, program });
    return program;
  }
}

/** Longest a program may take to end before its test ends it by force; the node's own limit is 3 s for its child. */
const END_MS = 15_000;

/** Ends a program, by force if it does not end by itself. @returns its exit code. */
export async function endProgram(program: Program): Promise<number | null> {
  if (program.isOver) return program.exit;
  // A stopped process takes no other signal.
  program.child.kill('SIGCONT');
  program.child.kill('SIGTERM');
  const force = setTimeout(() => program.child.kill('SIGKILL'), END_MS);
  // A child it left behind may hold its standard error open: that is for a test to find, not to hang on.
  const isGone = new Promise<void>((done) => {
    program.child.once('exit', () => setTimeout(done, 2000));
  });
  await Promise.race([program.exit, isGone]);
  clearTimeout(force);
  return program.child.exitCode;
}

/** Processes below a program whose command line holds a text. */
export function childrenOf(program: Program, text: string): number[] {
  return descendants(program.child.pid ?? 0).filter((pid) => {
    try {
      return isAlive(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

/** The vision process of a node. */
export async function visionOf(edge: Program): Promise<number> {
  return until('the node has a vision process', () => childrenOf(edge, 'vision-child')[0], 60_000);
}

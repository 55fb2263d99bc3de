import { readFileSync } from 'node:fs';
import { field, until } from '../system/demo-run.js';
import { Listener } from '../system/listener.js';
import { addressOf, BROKER_BOARD, type NodeName, passwordFile } from './fleet-plan.js';

/** How long a service was away, s: until its birth, and until three heartbeats with frames of this second. */
export type Recovery = { readonly invocation: string; readonly birthS: number; readonly serviceS: number };

type Told = 'status' | 'beat' | 'incident' | 'roster' | 'notice';

/** What a reader of the broker sees of the fleet. */
export class FleetWatch {
  readonly #listener: Listener;

  constructor() {
    const password = readFileSync(passwordFile('watcher'), 'utf8').trim();
    const connection = ['-h', addressOf(BROKER_BOARD), '-u', 'watcher', '-P', password, '-i', 'watcher'];
    this.#listener = new Listener(connection, () => '', 'vedette/1/#');
  }

  async close(): Promise<void> {
    await this.#listener.program.end('SIGTERM');
  }

  /** Messages so far: what comes later is newer. */
  get mark(): number {
    return this.#listener.messages.length;
  }

  #after(mark: number, route: Told | 'live', params: Record<string, string>) {
    const newer = new Set(this.#listener.messages.slice(mark));
    return this.#listener.heard(route, params).filter((message) => newer.has(message));
  }

  #payloadsAfter(mark: number, route: Told, params: Record<string, string>) {
    const texts = this.#after(mark, route, params).map(({ payload }) => payload.toString());
    return texts.filter((text) => text !== '').map((text): unknown => JSON.parse(text));
  }

  /** Waits until a node beats, in its present life; the life's invocation. */
  async serving(node: NodeName): Promise<string> {
    const { mark } = this;
    const beat = await this.#listener.waitFor(`${node} beats`, () => this.#fresh(mark, node).at(-1), 90_000);
    return String(field(beat, 'inv'));
  }

  /** Waits for a new life of a node that serves; times since the fault, by the clock on the wall of this machine. */
  async back(
    node: NodeName,
    oldInvocation: string,
    mark: number,
    faultMs: number,
    withinMs = 120_000,
  ): Promise<Recovery> {
    const isNew = (payload: unknown) => field(payload, 'inv') !== oldInvocation;
    const birth = await this.#listener.waitFor(
      `${node} is born again`,
      () => this.#payloadsAfter(mark, 'status', { node }).find((one) => field(one, 'state') === 'online' && isNew(one)),
      withinMs,
    );
    const birthS = (Date.now() - faultMs) / 1000;
    await this.#listener.waitFor(
      `${node} serves again`,
      () => this.#fresh(mark, node).filter(isNew).length >= 3,
      withinMs,
    );
    return { invocation: String(field(birth, 'inv')), birthS, serviceS: (Date.now() - faultMs) / 1000 };
  }

  /** Heartbeats with a frame of the last two seconds. */
  #fresh(mark: number, node: NodeName): unknown[] {
    return this.#payloadsAfter(mark, 'beat', { node }).filter((beat) => {
      const ageMs = field(beat, 'cameras', 'front', 'frameAgeMs');
      return typeof ageMs === 'number' && ageMs < 2000;
    });
  }

  /** The broker has published the will of a node since then. */
  isLost(node: NodeName, mark: number): boolean {
    return this.#payloadsAfter(mark, 'status', { node }).some((one) => field(one, 'state') === 'lost');
  }

  /** Births of a node since then, by invocation. */
  births(node: NodeName, mark: number): string[] {
    const statuses = this.#payloadsAfter(mark, 'status', { node }).filter((one) => field(one, 'state') === 'online');
    return [...new Set(statuses.map((one) => String(field(one, 'inv'))))];
  }

  /** What the monitor has said of a node since then, newest last. */
  incidents(node: string, mark: number): unknown[] {
    return this.#payloadsAfter(mark, 'incident', { node });
  }

  /** What one monitor has told persons of one node since then. */
  notices(monitor: string, node: string, mark: number): string[] {
    const all = this.#payloadsAfter(mark, 'notice', { monitor });
    return all.filter((one) => field(one, 'node') === node).map((one) => String(field(one, 'what')));
  }

  /** What a monitor believes, as it said last since then. */
  roster(monitor: string, mark: number): unknown {
    return this.#payloadsAfter(mark, 'roster', { monitor }).at(-1);
  }

  /** Waits until a monitor has an incident of a node, opened since then, of which this is in the evidence. */
  decided(monitor: string, node: string, mark: number, words: RegExp, withinMs = 120_000): Promise<string[]> {
    const told = () => this.#newIncidents(monitor, node, mark).map(evidenceOf);
    // The last one of several: on a busy machine a late heartbeat may open another incident right after.
    const found = () => told().findLast((evidence) => evidence.some((what) => words.test(what)));
    const what = () => `${monitor} decides of ${node}: ${words}; it told: ${told().at(-1)?.join(' | ')}`;
    return until(what, found, withinMs);
  }

  /** What was told since then, without older incidents: a monitor publishes them again when its broker is back. */
  #newIncidents(monitor: string, node: string, mark: number): unknown[] {
    const newer = this.#payloadsAfter(mark, 'incident', { monitor, node });
    const all = this.#payloadsAfter(0, 'incident', { monitor, node });
    const known = new Set(all.slice(0, all.length - newer.length).map((one) => field(one, 'openedAtMs')));
    return newer.filter((one) => !known.has(field(one, 'openedAtMs')));
  }

  waitFor<T>(what: string, look: () => T | undefined | false, timeoutMs?: number): Promise<T> {
    return this.#listener.waitFor(what, look, timeoutMs);
  }
}

function evidenceOf(incident: unknown): string[] {
  const evidence = field(incident, 'evidence');
  return Array.isArray(evidence) ? evidence.map((one) => String(field(one, 'what'))) : [];
}

/** One line of a chapter's result. */
export function report(
  fault: string,
  recovery: Pick<Recovery, 'birthS' | 'serviceS'> | undefined,
  decided: string,
): void {
  const times =
    recovery === undefined ? '' : ` back in ${recovery.serviceS.toFixed(1)} s (birth ${recovery.birthS.toFixed(1)} s);`;
  console.log(`lab: ${fault}:${times} ${decided}`);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { parseJson } from '../../protocol/codec.js';
import { field, Program, until } from '../system/demo-run.js';
import { childrenOf, Site, visionOf } from '../system/site.js';
import { cpuMs, rssMiB } from './process-cost.js';
import { type StoppedTurns, takeTurns } from './stopped-turns.js';

const SETTLE_MS = 5_000;
const START_MS = 60_000;

export type NodeRun = {
  readonly camera: Readonly<Record<string, unknown>>;
  /** So many of it; default 1. */
  readonly cameras?: number;
  readonly modelPath?: string;
  readonly threads?: number;
  readonly instances?: number;
  readonly measureMs: number;
  /** How long it runs before it is watched; default 5 s. */
  readonly settleMs?: number;
  /** Then it is watched again, in turns of a second between which it is stopped and something else is done. */
  readonly turns?: StoppedTurns;
  /** As shipped: a heartbeat every 10 s, health once a minute. Frames, lag and latency are then not told. */
  readonly isAsShipped?: boolean;
};

/** What a real node did in its time: two processes, its broker and a real `mosquitto_sub` beside it. */
export type NodeCost = {
  /** Frames looked at per second, all cameras together, by its heartbeats. */
  readonly fps: number;
  /** Frames it took in each turn, per second. */
  readonly turnFps: readonly number[];
  /** Share of one core, without the capture program, 0..1 and more. */
  readonly cpu: number;
  /** Of it, the main process. */
  readonly mainCpu: number;
  /** Processor time of a frame, all of the node's work counted. */
  readonly cpuMsPerFrame: number;
  /** Longest lag of its main process between two heartbeats (500 ms), one value each. */
  readonly lagsMs: readonly number[];
  /** Resident memory of both processes and the guard at the end; what they share is counted twice. */
  readonly rssMiB: number;
  /** From the capture of a frame to the line of `mosquitto_sub`, one value per record. */
  readonly latenciesMs: readonly number[];
};

/** Starts a site with one node, lets it settle, and watches it. */
export async function watchNode(run: NodeRun): Promise<NodeCost> {
  const { camera, measureMs, isAsShipped } = run;
  const site = await Site.open('cam1');
  try {
    const { modelPath: path, threads, instances } = run;
    const model = Object.fromEntries(Object.entries({ path, threads, instances }).filter(([, value]) => value));
    const ids = Array.from({ length: run.cameras ?? 1 }, (_, i) => `camera${i + 1}`);
    const more = {
      model,
      ...(isAsShipped === true ? { timing: {} } : {}),
    };
    const listener = site.listen();
    const stamped = new Stamped(site);
    const edge = site.edge('cam1', Object.fromEntries(ids.map((id) => [id, camera])), more);
    const vision = await visionOf(edge);
    await until(
      () => `the cameras are watched; the node said: ${edge.errors.slice(-5).join('\n')}`,
      () => ids.every((camera) => field(listener.last('cameraState', { node: 'cam1', camera }), 'ok') === true),
      START_MS,
    );
    await sleep(run.settleMs ?? SETTLE_MS);
    const before = {
      beats: listener.payloads('beat').length,
      cpuMs: both(edge, vision),
      records: stamped.count,
      mainMs: ofMain(edge),
    };
    const startedMs = performance.now();
    await sleep(measureMs);
    const elapsedMs = performance.now() - startedMs;
    const processes = [edge.child.pid ?? 0, vision, ...childrenOf(edge, 'vedette-guard')];
    const residentMiB = processes.reduce((sum, pid) => sum + rssMiB(pid), 0);
    const usedMs = both(edge, vision) - before.cpuMs;
    const beats = listener.payloads('beat').slice(before.beats);
    const fpsOf = (beat: unknown, id: string) => Number(field(beat, 'cameras', id, 'fps') ?? 0);
    const fps = mean(beats.map((beat) => ids.reduce((sum, id) => sum + fpsOf(beat, id), 0)));
    const latenciesMs = stamped.latenciesMs().slice(before.records);
    const turnFps = run.turns === undefined ? [] : await takeTurns({ main: edge.child.pid ?? 0, vision }, run.turns);
    return {
      fps,
      turnFps,
      cpu: usedMs / elapsedMs,
      mainCpu: (ofMain(edge) - before.mainMs) / elapsedMs,
      cpuMsPerFrame: (usedMs * 1000) / elapsedMs / fps,
      lagsMs: beats.map((beat) => Number(field(beat, 'loopLagMs') ?? 0)),
      rssMiB: residentMiB,
      latenciesMs,
    };
  } finally {
    await site.close();
  }
}

/** A `mosquitto_sub` that stamps what it prints with its own clock, which is this machine's, as is the camera's. */
class Stamped {
  readonly #program: Program;

  constructor(site: Site) {
    const topic = 'vedette/1/node/+/live';
    this.#program = site.keep(
      'listener',
      new Program('mosquitto_sub', ['-h', '127.0.0.1', '-p', `${site.port}`, '-t', topic, '-F', '%U %p']),
    );
  }

  get count(): number {
    return this.latenciesMs().length;
  }

  latenciesMs(): number[] {
    return this.#program.lines.flatMap((line) => {
      const blank = line.indexOf(' ');
      const arrivedMs = Number(line.slice(0, blank)) * 1000;
      const records = field(parseJson(line.slice(blank + 1)), 'r');
      if (!Array.isArray(records)) return [];
      return records
        .filter((record) => field(record, 'k') === 'track')
        .map((record) => arrivedMs - Number(field(record, 't')));
    });
  }
}

function both(edge: Program, vision: number): number {
  return ofMain(edge) + (cpuMs(vision) ?? 0);
}

function ofMain(edge: Program): number {
  return cpuMs(edge.child.pid ?? 0) ?? 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

import type { Beat, CameraState, NodeInfo } from '../protocol/status.js';

/** What the cameras of one heartbeat say of the pipeline behind it. */
export type FramesSeen = {
  /**
   * `fresh`: every camera that should deliver shows a fresh frame; `awaited`: one has not shown any yet and does not say
   * why; `old`: one that says it is well shows a frame that is too old.
   */
  readonly frames: 'fresh' | 'awaited' | 'old';
  /** What is to be said of cameras that show no fresh frame; empty if there are none. */
  readonly cameras: string;
};

/** What a camera last said of itself. */
export type CameraWord = Pick<CameraState, 'ok' | 'reason'>;

type Reason = NonNullable<CameraWord['reason']>;

/**
 * Why a camera shows no frames, where that is the camera's own fault or somebody's wish: its node retries it, and no
 * restart of the node brings it back. `starting` and `detector` are no excuse: the node has yet to show that it works.
 */
const EXCUSES: readonly Reason[] = ['unplugged', 'frozen', 'garbage', 'ended', 'refused', 'paused'];
/**
 * Frames that may be missing before a camera's frames are old. Its node takes ten missing ones for a stall and says so
 * (edge/capture/camera.ts); two more are the time to say it.
 */
const INTERVALS_MAX = 12;
/** Cameras remembered per node: eight times what a board has room for. */
const CAMERAS_MAX = 64;

/** The rule, camera by camera (M11). Pure. @param wordOf undefined: it said nothing in this life of its node. */
export function judgeFrames(
  cameras: Beat['cameras'],
  wordOf: (camera: string) => CameraWord | undefined,
  staleMsOf: (camera: string) => number,
): FramesSeen {
  const awaited: string[] = [];
  const old: string[] = [];
  const excused: string[] = [];
  for (const [camera, { frameAgeMs }] of Object.entries(cameras)) {
    const word = wordOf(camera);
    const reason = word?.ok === false ? word.reason : undefined;
    if (reason !== undefined && EXCUSES.includes(reason)) excused.push(`camera ${camera} is ${reason}`);
    else if (frameAgeMs === null) awaited.push(`camera ${camera} has shown no frame${reason ? ` (${reason})` : ''}`);
    // A fresh frame disproves the word, which may be the one before the last.
    else if (frameAgeMs > staleMsOf(camera)) {
      const what = `camera ${camera} shows a frame ${seconds(frameAgeMs)} old`;
      (reason === undefined ? old : awaited).push(what);
    }
  }
  const frames = old.length > 0 ? 'old' : awaited.length > 0 ? 'awaited' : 'fresh';
  return { frames, cameras: [...old, ...awaited, ...excused].slice(0, 4).join(', ') };
}

type NodeCameras = { inv: string | undefined; words: Map<string, CameraWord>; staleMs: Map<string, number> };

/** What the cameras of the inventory's nodes said in the present life of their node, and how often they deliver. */
export class FrameWatch {
  readonly #staleMs: number;
  readonly #nodes: ReadonlyMap<string, NodeCameras>;

  /** @param staleMs age from which a frame is old; more for cameras that deliver seldom. */
  constructor(nodes: readonly string[], staleMs: number) {
    this.#staleMs = staleMs;
    this.#nodes = new Map(nodes.map((node) => [node, { inv: undefined, words: new Map(), staleMs: new Map() }]));
  }

  /** A node lives under this invocation. What its cameras said in a life before says nothing of this one. */
  onLife(node: string, inv: string): void {
    const one = this.#nodes.get(node);
    if (one === undefined || one.inv === inv) return;
    // Of the first life that is heard of, the retained words are all there is.
    if (one.inv !== undefined) one.words.clear();
    one.inv = inv;
  }

  onCamera(node: string, camera: string, word: CameraWord): void {
    const words = this.#nodes.get(node)?.words;
    if (words === undefined || (words.size >= CAMERAS_MAX && !words.has(camera))) return;
    words.set(camera, word);
  }

  /** @returns the largest age that is fresh for some camera of this node, ms. */
  onInfo(node: string, cameras: NodeInfo['cameras']): number {
    const one = this.#nodes.get(node);
    if (one === undefined) return this.#staleMs;
    const paces = Object.entries(cameras).slice(0, CAMERAS_MAX);
    one.staleMs = new Map(paces.map(([camera, { fps }]) => [camera, this.#staleMsAt(fps)]));
    return Math.max(this.#staleMs, ...one.staleMs.values());
  }

  /** A heartbeat. */
  judge(node: string, inv: string, cameras: Beat['cameras']): FramesSeen {
    this.onLife(node, inv);
    const one = this.#nodes.get(node);
    return judgeFrames(
      cameras,
      (camera) => one?.words.get(camera),
      (camera) => one?.staleMs.get(camera) ?? this.#staleMs,
    );
  }

  #staleMsAt(fps: number): number {
    return fps > 0 ? Math.max(this.#staleMs, Math.ceil((INTERVALS_MAX * 1000) / fps)) : this.#staleMs;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

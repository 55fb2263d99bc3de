import type { Clock } from '../../base/clock.js';
import type { Link } from '../../base/link/link.js';
import type { RetainedDocuments } from '../../base/link/retained-documents.js';
import type { Log } from '../../base/log.js';
import { labelSlug } from '../../protocol/ids.js';
import { routes } from '../../protocol/routes.js';

/** A broker sends what it has retained at once; behind a slow line it takes a while. */
const LISTEN_MS = 30_000;
/** Cameras of earlier lives that are put right at each connect; more are left, and told. */
const CAMERAS_MAX = 64;

export type FormerTopicsOptions = {
  readonly node: string;
  /** What is shown of a camera or source now: its labels in view; undefined where this node has no such camera. */
  readonly countsOf: (camera: string) => ReadonlyMap<string, number> | undefined;
  readonly link: Link;
  readonly documents: RetainedDocuments;
  readonly clock: Clock;
  readonly log: Log;
};

/**
 * Puts right what an earlier life of this node left retained. A node that is killed takes nothing back: somebody it saw
 * would stay in view until the next one comes, and a source that another node watches since, or a camera that was taken
 * out of the configuration, would show its last state for ever. After each connect it reads its own topics for a while,
 * empties those of cameras it has not, and counts 0 where it shows no count. Pictures of own
 * cameras stay.
 */
export class FormerTopics {
  readonly #options: FormerTopicsOptions;
  readonly #gone = new Map<string, () => void>();
  #ends: (() => void)[] = [];
  #stop: () => void = () => {};

  constructor(options: FormerTopicsOptions) {
    this.#options = options;
  }

  open(): void {
    this.#stop = this.#options.link.onUp(() => this.#listen());
  }

  close(): void {
    this.#stop();
    this.#end();
  }

  #listen(): void {
    const { node, link, clock } = this.#options;
    this.#end();
    this.#ends = [
      link.subscribe(routes.cameraState, { node }, ({ params, retained }) => this.#onFormer(params.camera, retained)),
      link.subscribe(routes.count, { node }, ({ params, payload, retained }) => {
        if (retained) this.#onCount(params.camera, params.label, payload);
      }),
      clock.after(LISTEN_MS, () => this.#end()),
    ];
  }

  #end(): void {
    for (const end of this.#ends.splice(0)) end();
    for (const end of this.#gone.values()) end();
    this.#gone.clear();
  }

  #onFormer(camera: string, retained: boolean): void {
    const { node, documents, link, log } = this.#options;
    if (!retained || this.#isHere(camera) || this.#gone.has(camera)) return;
    if (this.#gone.size >= CAMERAS_MAX) {
      log.warn('topics of earlier cameras left', { cameraId: camera, atMost: CAMERAS_MAX });
      return;
    }
    log.info('topics of an earlier life emptied', { cameraId: camera });
    for (const route of [routes.cameraState, routes.motion]) documents.clear(route, { node, camera });
    // Pictures are large: they are asked for where there is something to empty.
    const endPictures = link.subscribe(routes.snapshot, { node, camera }, ({ params, retained: isOld }) => {
      if (isOld && !this.#isHere(camera)) documents.clear(routes.snapshot, params);
    });
    this.#gone.set(camera, endPictures);
  }

  #onCount(camera: string, slug: string, count: string): void {
    const { node, documents, countsOf } = this.#options;
    const counts = countsOf(camera);
    const params = { node, camera, label: slug };
    if (counts === undefined) documents.clear(routes.count, params);
    else if (count !== '0' && ![...counts.keys()].some((label) => labelSlug(label) === slug)) {
      documents.set(routes.count, params, '0');
    }
  }

  #isHere(camera: string): boolean {
    return this.#options.countsOf(camera) !== undefined;
  }
}

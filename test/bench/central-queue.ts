import type { Clock } from '../../base/clock.js';
import type { Link } from '../../base/link/link.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import type { SharingNode } from './sharing-node.js';

export type CentralQueueOptions = {
  /** The one subscriber that hands out frames. */
  readonly centre: Link;
  readonly workers: readonly SharingNode[];
  /** Where all cameras are. */
  readonly source: SharingNode;
  readonly cameras: number;
  readonly periodMs: number;
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly clock: Clock;
};

type Camera = { newest: Frame | undefined; isOut: boolean };
type Frame = { readonly id: string; readonly camera: number; readonly bytes: Uint8Array };

/** What a worker has at a time: as many pictures as its vision process has places. */
const OUT_MAX = 2;
const DEADLINE_MS = 20_000;

/**
 * The same work with a centre: every frame goes there as it is, the newest of each camera waits, and whichever worker is
 * free is handed one. Workers run the same vision process; results come back by the centre.
 */
export class CentralQueue {
  readonly looked: number[];
  /** Frames looked at by each worker. */
  readonly worked: number[];
  readonly latenciesMs: number[] = [];
  readonly #options: CentralQueueOptions;
  readonly #cameras: Camera[];
  readonly #free: SharingNode[] = [];
  readonly #outAt = new Map<string, { readonly frame: Frame; readonly worker: SharingNode }>();
  readonly #sentAtMs = new Map<string, number>();
  readonly #ends: (() => void)[] = [];
  #turn = 0;
  #frames = 0;

  constructor(options: CentralQueueOptions) {
    this.#options = options;
    this.#cameras = Array.from({ length: options.cameras }, () => ({ newest: undefined, isOut: false }));
    this.looked = Array.from({ length: options.cameras }, () => 0);
    this.worked = options.workers.map(() => 0);
    for (let i = 0; i < OUT_MAX; i++) this.#free.push(...options.workers);
  }

  open(): void {
    const { centre, workers, source, clock, cameras, periodMs } = this.#options;
    const me = centre.clientId;
    this.#ends.push(
      centre.subscribe(routes.offer, { recipient: me }, ({ payload }) => this.#onFrame(payload)),
      centre.subscribe(routes.boxes, { recipient: me }, ({ payload }) => this.#onBoxes(payload.id)),
      source.link.subscribe(routes.boxes, { recipient: source.name }, ({ payload, params }) => {
        if (params.sender === me) this.#onResult(payload.id);
      }),
      ...workers.map((worker) =>
        worker.link.subscribe(routes.offer, { recipient: worker.name }, ({ payload }) => this.#work(worker, payload)),
      ),
    );
    for (let camera = 0; camera < cameras; camera++) {
      const start = clock.after((camera * periodMs) / cameras, () => {
        this.#ends.push(clock.every(periodMs, () => this.#capture(camera)));
      });
      this.#ends.push(start);
    }
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #capture(camera: number): void {
    const { source, centre, frames, clock } = this.#options;
    const picture = frames[this.#frames++ % frames.length];
    if (picture === undefined) return;
    const id = `${camera}.${this.#frames}`;
    this.#sentAtMs.set(id, clock.monoMs());
    source.link
      .publish(routes.offer, { recipient: centre.clientId, sender: source.name }, this.#offer(id, picture))
      .catch(() => {});
  }

  #onFrame({ id, picture }: { readonly id: string; readonly picture: Uint8Array }): void {
    const index = Number(id.split('.')[0]);
    const camera = this.#cameras[index];
    if (camera === undefined) return;
    // The payload is a view of what the link read: kept, it is copied.
    camera.newest = { id, camera: index, bytes: new Uint8Array(picture) };
    this.#handOut();
  }

  #handOut(): void {
    const { centre } = this.#options;
    for (let tried = 0; tried < this.#cameras.length && this.#free.length > 0; tried++) {
      const camera = this.#cameras[this.#turn++ % this.#cameras.length];
      const frame = camera?.newest;
      if (camera === undefined || frame === undefined || camera.isOut) continue;
      const worker = this.#free.shift();
      if (worker === undefined) return;
      camera.newest = undefined;
      camera.isOut = true;
      this.#outAt.set(frame.id, { frame, worker });
      const offer = this.#offer(frame.id, frame.bytes);
      centre.publish(routes.offer, { recipient: worker.name, sender: centre.clientId }, offer).catch(() => {});
    }
  }

  #work(worker: SharingNode, { id, picture, scoreMin }: { id: string; picture: Uint8Array; scoreMin: number }): void {
    const { centre } = this.#options;
    const jpeg = new Uint8Array(picture);
    void worker.looks.look({ jpeg, scoreMin, isGuest: false, deadlineMs: DEADLINE_MS }).then((looked) => {
      const boxes = looked.ok ? [...looked.boxes] : [];
      const answer = { v: SCHEMA_MINOR, id, ok: looked.ok, boxes };
      worker.link.publish(routes.boxes, { recipient: centre.clientId, sender: worker.name }, answer).catch(() => {});
    });
  }

  #onBoxes(id: string): void {
    const { centre, source } = this.#options;
    const out = this.#outAt.get(id);
    if (out === undefined) return;
    this.#outAt.delete(id);
    this.#free.push(out.worker);
    const index = this.#options.workers.indexOf(out.worker);
    this.worked[index] = (this.worked[index] ?? 0) + 1;
    const camera = this.#cameras[out.frame.camera];
    if (camera !== undefined) camera.isOut = false;
    const answer = { v: SCHEMA_MINOR, id, ok: true, boxes: [] };
    centre.publish(routes.boxes, { recipient: source.name, sender: centre.clientId }, answer).catch(() => {});
    this.#handOut();
  }

  #onResult(id: string): void {
    const sentAtMs = this.#sentAtMs.get(id);
    if (sentAtMs === undefined) return;
    this.#sentAtMs.delete(id);
    this.latenciesMs.push(this.#options.clock.monoMs() - sentAtMs);
    const camera = Number(id.split('.')[0]);
    this.looked[camera] = (this.looked[camera] ?? 0) + 1;
  }

  #offer(id: string, picture: Uint8Array) {
    const { widthPx, heightPx } = this.#options;
    const what = { v: SCHEMA_MINOR, model: '0'.repeat(64), deadlineMs: DEADLINE_MS, scoreMin: 0.3 };
    return { ...what, id, widthPx, heightPx, picture: new Uint8Array(picture) };
  }
}

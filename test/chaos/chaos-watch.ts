import type { Clock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RecordListener } from '../../base/listener/record-listener.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { DEFAULT_ROOT, routes } from '../../protocol/routes.js';
import type { BeatSeen, IncidentSeen, RecordCounts } from './chaos-history.js';
import type { SourceSaid } from './chaos-sources.js';

export type ChaosWatchOptions = {
  readonly url: string;
  /** An identity that may ask for records; also its client id. */
  readonly user: string;
  readonly password: string;
  readonly clock: Clock;
  /** A source the nodes share. */
  readonly source?: string;
};

/** What somebody outside hears of the demo for the whole of a run. */
export class ChaosWatch {
  readonly beats: BeatSeen[] = [];
  readonly incidents: IncidentSeen[] = [];
  /** When rosters were made by a monitor that could see. */
  readonly rosterAtMs: number[] = [];
  readonly source: SourceSaid[] = [];
  readonly #headAtMs = new Map<string, number>();
  readonly #link: Link;
  readonly #records: RecordListener;
  readonly #clock: Clock;
  readonly #source: string | undefined;

  constructor({ url, user, password, clock, source }: ChaosWatchOptions) {
    this.#clock = clock;
    this.#source = source;
    this.#link = new Link({
      url,
      clientId: user,
      username: user,
      password,
      root: DEFAULT_ROOT,
      clock,
      random: new Random('chaos-watch'),
      log: silentLog,
      limits: { reconnectFirstMs: 200, reconnectMaxMs: 1_000 },
    });
    this.#records = new RecordListener({ link: this.#link, clock, log: silentLog, wantHistory: true });
  }

  open(): void {
    this.#records.open();
    this.#link.subscribe(routes.beat, {}, ({ params, payload }) => {
      const atMs = this.#clock.nowMs();
      const ages = Object.values(payload.cameras).map(({ frameAgeMs }) => frameAgeMs);
      const known = ages.filter((age) => age !== null);
      // Who has no camera has no frames: the sensor board is left alone, and not judged.
      if (ages.length === 0) return;
      const frameAtMs = known.length < ages.length ? null : atMs - Math.max(...known);
      this.beats.push({ node: params.node, inv: payload.inv, atMs, frameAtMs });
    });
    this.#link.subscribe(routes.head, {}, ({ params, retained }) => {
      if (!retained) this.#headAtMs.set(params.node, this.#clock.nowMs());
    });
    this.#link.subscribe(routes.incident, {}, ({ params, payload }) => {
      const { node } = params;
      const { openedAtMs, evidence } = payload;
      const at = this.incidents.findIndex((one) => one.node === node && one.openedAtMs === openedAtMs);
      const seen = { node, openedAtMs, evidence: evidence.map(({ atMs, what }) => ({ atMs, what })) };
      if (at === -1) this.incidents.push(seen);
      else this.incidents[at] = seen;
    });
    this.#link.subscribe(routes.roster, {}, ({ payload }) => {
      if (payload.mode === 'watching' || payload.mode === 'mass') this.rosterAtMs.push(payload.atMs);
    });
    if (this.#source !== undefined) this.#hearOf(this.#source);
    this.#link.open();
  }

  /** Who claims the source now, as far as is known. */
  owners(): string[] {
    const claims = new Map(this.source.filter(({ what }) => what === 'claim').map(({ node, isSo }) => [node, isSo]));
    return [...claims].flatMap(([node, isSo]) => (isSo ? [node] : []));
  }

  #hearOf(source: string): void {
    const note = (node: string, what: SourceSaid['what'], isSo: boolean, atMs = this.#clock.nowMs()) =>
      this.source.push({ node, what, isSo, atMs });
    this.#link.subscribe(routes.claims, {}, ({ params, payload }) => {
      const isOwner = payload.sources.some((held) => held.source === source && held.as === 'owner');
      note(params.node, 'claim', isOwner);
    });
    this.#link.subscribe(
      routes.cameraState,
      { camera: source },
      // By the time it was said: what is retained is said again after its node was killed.
      ({ params, payload }) => note(params.node, 'frames', payload.ok, payload.atMs),
      ({ params }) => note(params.node, 'frames', false),
    );
  }

  /** When the last head of a node came that was not retained. */
  headAtMs(node: string): number | undefined {
    return this.#headAtMs.get(node);
  }

  records(): RecordCounts {
    const logs = this.#records.logs();
    const { filled, duplicates, unavailable } = this.#records.counts();
    const open = logs.reduce((sum, { missing }) => sum + missing, 0);
    return {
      appended: logs.reduce((sum, { seq }) => sum + seq, 0),
      missing: open + unavailable,
      filled,
      duplicates,
    };
  }

  async close(): Promise<void> {
    this.#records.close();
    await this.#link.close();
  }
}

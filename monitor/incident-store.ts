import { join } from 'node:path';
import Datastore from 'nedb-promises';
import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { RateLimitedLog } from '../base/rate-limited-log.js';
import { makeFolder } from '../base/state-folder.js';
import type { Incident } from '../protocol/status.js';

/** Incidents kept: at about 4 KiB each, 4 MiB on disk and as much in memory. The oldest make room. */
const INCIDENTS_MAX = 1_000;
/** Rewrites the file, which otherwise only grows. */
const COMPACT_MS = 3_600_000;

type Stored = Incident & { readonly _id: string };

/** The monitor's own history of incidents on its disk. The retained topics have only the last one of each node. */
export class IncidentStore {
  readonly #store: Datastore<Stored>;
  readonly #faults: RateLimitedLog;
  #writing: Promise<void> = Promise.resolve();
  #waiting = new Map<string, Stored>();

  private constructor(store: Datastore<Stored>, clock: Clock, log: Log) {
    this.#store = store;
    this.#faults = new RateLimitedLog(log, clock, 60_000);
  }

  /** @throws what NeDB throws of a file that it cannot read. */
  static async open(folder: string, clock: Clock, log: Log): Promise<IncidentStore> {
    await makeFolder(folder);
    const store = Datastore.create({ filename: join(folder, 'incidents.db'), autoload: false });
    await store.load();
    store.persistence.setAutocompactionInterval(COMPACT_MS);
    return new IncidentStore(store, clock, log);
  }

  /** Keeps how an incident stands. What cannot be written is told, and not tried again until it changes. */
  put(incident: Incident): void {
    const _id = `${incident.node} ${incident.openedAtMs}`;
    const isWaiting = this.#waiting.size > 0;
    this.#waiting.set(_id, { ...incident, _id });
    if (isWaiting) return;
    this.#writing = this.#writing
      .then(() => this.#flush())
      .catch((error) => this.#faults.warn('incident not stored', { error: messageOf(error) }));
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#store.persistence.stopAutocompaction();
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const incident of waiting.values())
      await this.#store.update({ _id: incident._id }, incident, { upsert: true });
    const excess = (await this.#store.count({})) - INCIDENTS_MAX;
    if (excess <= 0) return;
    const oldest = await this.#store.find<Stored>({}).sort({ openedAtMs: 1 }).limit(excess);
    for (const { _id } of oldest) await this.#store.remove({ _id }, {});
  }
}

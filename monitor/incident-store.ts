import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Datastore from 'nedb-promises';
import type { Clock } from '../base/clock.js';
import { Counters } from '../base/counters.js';
import { messageOf, systemCodeOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { RateLimitedLog } from '../base/rate-limited-log.js';
import { makeFolder } from '../base/state-folder.js';
import { parseJson } from '../protocol/codec.js';
import type { Incident } from '../protocol/status.js';

/** Incidents kept: at about 4 KiB each, 4 MiB on disk and as much in memory. The oldest make room. */
const INCIDENTS_MAX = 1_000;
/** Rewrites the file, which otherwise only grows. */
const COMPACT_MS = 3_600_000;
const FILE = 'incidents.db';

type Stored = Incident & { readonly _id: string };

/**
 * The monitor's own history of incidents on its disk. The retained topics have only the last one of each node. What was
 * written survives a crash of the process; of a power cut's last seconds nothing is promised.
 */
export class IncidentStore {
  readonly counters = new Counters(['incidentsStored', 'incidentsNotStored', 'incidentsMadeRoom'] as const);
  readonly #store: Datastore<Stored>;
  readonly #faults: RateLimitedLog;
  #writing: Promise<void> = Promise.resolve();
  #waiting = new Map<string, Stored>();

  private constructor(store: Datastore<Stored>, clock: Clock, log: Log) {
    this.#store = store;
    this.#faults = new RateLimitedLog(log, clock, 60_000);
  }

  /** Opens it with whatever of it can be read; a damaged file is kept beside it. @throws what the disk throws. */
  static async open(folder: string, clock: Clock, log: Log): Promise<IncidentStore> {
    await makeFolder(folder);
    const path = join(folder, FILE);
    const lost = await damagedLines(path);
    if (lost > 0) {
      const kept = `${path}.damaged`;
      await copyFile(path, kept);
      log.warn('lines of incidents cannot be read', { lines: lost, kept });
    }
    // NeDB refuses a file of which a tenth is damaged: one torn line of a young file would end the history for good.
    const store = Datastore.create({ filename: path, autoload: false, corruptAlertThreshold: 1 });
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
    this.#writing = this.#writing.then(() => this.#flush());
  }

  /** All that is kept, newest first. */
  async all(): Promise<Incident[]> {
    await this.#writing;
    const stored = await this.#store.find<Stored>({}).sort({ openedAtMs: -1 });
    return stored.map(({ _id, ...incident }) => incident);
  }

  /** Resolves once all that was put so far is written, or told as not written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#store.persistence.stopAutocompaction();
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const incident of waiting.values()) {
      try {
        await this.#store.update({ _id: incident._id }, incident, { upsert: true });
        this.counters.add('incidentsStored');
      } catch (error) {
        this.counters.add('incidentsNotStored');
        this.#faults.warn('incident not stored', { node: incident.node, error: messageOf(error) });
      }
    }
    await this.#makeRoom().catch((error) => this.#faults.warn('incidents not bounded', { error: messageOf(error) }));
  }

  async #makeRoom(): Promise<void> {
    const excess = (await this.#store.count({})) - INCIDENTS_MAX;
    if (excess <= 0) return;
    const oldest = await this.#store.find<Stored>({}).sort({ openedAtMs: 1 }).limit(excess);
    for (const { _id } of oldest) await this.#store.remove({ _id }, {});
    this.counters.add('incidentsMadeRoom', oldest.length);
  }
}

// NeDB passes over what it cannot read and tells nobody.
async function damagedLines(path: string): Promise<number> {
  try {
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
    return lines.filter((line) => !isJson(line)).length;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

function isJson(line: string): boolean {
  try {
    parseJson(line);
    return true;
  } catch {
    return false;
  }
}

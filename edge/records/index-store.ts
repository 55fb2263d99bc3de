import Datastore from 'nedb-promises';
import type { IndexDocument, RecordQuery } from './record-query.js';

/**
 * The index itself: NeDB in memory, over a bounded window of the newest records. Nothing of it is on disk: it is made
 * from the segments at every start, because NeDB's own files tear, rot silently and are not fsynced (reference: NeDB
 * lab facts), while 50,000 documents load in two seconds.
 */
export class IndexStore {
  readonly #database = Datastore.create({ inMemoryOnly: true });
  readonly #documentsMax: number;
  /** Ids and times in order of insertion: what to drop next, and where "the latest" begins. */
  #order: { readonly id: string; readonly t: number }[] = [];

  constructor(documentsMax: number) {
    this.#documentsMax = documentsMax;
  }

  async open(): Promise<void> {
    await this.#database.ensureIndex({ fieldName: 't' });
  }

  get size(): number {
    return this.#order.length;
  }

  /** Time of the oldest record in the window; 0 if it is empty. */
  get sinceMs(): number {
    return this.#order[0]?.t ?? 0;
  }

  /** Adds records that are not there yet; drops the oldest beyond the window. */
  async insert(documents: readonly IndexDocument[]): Promise<void> {
    // An insert whose answer came too late is made again: what it brought is there already.
    const fresh = await this.#absent(documents);
    if (fresh.length === 0) return;
    await this.#database.insertMany(fresh);
    for (const { _id: id, t } of fresh) this.#order.push({ id, t });
    // NeDB frees memory only by the document; an eighth of the window at a time keeps that rare.
    if (this.#order.length <= this.#documentsMax + this.#documentsMax / 8) return;
    const dropped = this.#order.slice(0, this.#order.length - this.#documentsMax);
    this.#order = this.#order.slice(dropped.length);
    await this.#database.remove({ _id: { $in: dropped.map(({ id }) => id) } }, { multi: true });
  }

  /** The newest records that meet a query, newest first. */
  async find(query: RecordQuery): Promise<IndexDocument[]> {
    // NeDB sorts all that matches (0.5 s for 100,000), so the range of t is narrowed from the newest end instead.
    const fromMs = query.fromMs ?? 0;
    for (let depth = query.limit * 4; ; depth *= 4) {
      const isWhole = depth >= this.#order.length;
      const startMs = isWhole ? fromMs : Math.max(fromMs, this.#order.at(-depth)?.t ?? 0);
      const found = await this.#findFrom(query, startMs);
      if (isWhole || found.length >= query.limit || startMs === fromMs) return found.slice(0, query.limit);
    }
  }

  async #absent(documents: readonly IndexDocument[]): Promise<IndexDocument[]> {
    const present = await this.#database.find<IndexDocument>({ _id: { $in: documents.map(({ _id }) => _id) } });
    const known = new Set(present.map(({ _id }) => _id));
    return documents.filter(({ _id }) => !known.has(_id));
  }

  async #findFrom(query: RecordQuery, startMs: number): Promise<IndexDocument[]> {
    const found = await this.#database.find<IndexDocument>({
      t: { $gte: startMs, $lte: query.toMs ?? Number.MAX_SAFE_INTEGER },
      ...(query.kind === undefined ? {} : { k: query.kind }),
      ...(query.camera === undefined ? {} : { c: query.camera }),
      ...(query.label === undefined ? {} : { l: query.label }),
    });
    return found.sort((a, b) => b.t - a.t || b.s - a.s);
  }
}

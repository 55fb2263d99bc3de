import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { FolderLock } from '../../base/folder-lock.js';
import type { Link } from '../../base/link/link.js';
import type { SideLinks } from '../../base/link/side-links.js';
import { publicKeyText } from '../../base/listener/head-signature.js';
import { openLocked } from '../../base/locked-folder.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { parseJson } from '../../protocol/codec.js';
import { LogRecord } from '../../protocol/record.js';
import type { LogReader } from '../query/log-reader.js';
import { OwnLogReader } from '../query/own-log-reader.js';
import { CursorFile } from './cursor-file.js';
import type { DiskState } from './disk-trouble.js';
import { HeadPublisher, type OwnCopies } from './head.js';
import { NeedServer } from './need-server.js';
import { openNodeKey } from './node-key.js';
import { Publisher } from './publisher.js';
import { localDisk, type RecordDisk } from './record-disk.js';
import { RecordIndex } from './record-index.js';
import { DEFAULT_RECORD_LIMITS, type RecordLimits } from './record-limits.js';
import { type OpeningFields, type RecordFields, RecordLog } from './record-log.js';
import type { IndexDocument, RecordQuery } from './record-query.js';
import { SegmentPublisher } from './segment-publisher.js';
import { scanSegments } from './segment-scan.js';

export type RecordStoreOptions = {
  /** State folder of the node; the log gets a folder of its own in it. */
  readonly stateDir: string;
  readonly node: string;
  readonly link: Link;
  /** For segments and fills, so that they never delay what happens now; `link` unless told. */
  readonly bulk?: Link;
  /** The other brokers this node reaches: its head is at all of them, and who asks there is answered. */
  readonly sides?: SideLinks;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What each epoch's first record says; asked for when an epoch begins. */
  readonly opening: () => OpeningFields;
  /** False until the clock was set by NTP. True unless told. */
  readonly isClockSynchronised?: () => boolean;
  /** The disk began or ceased to take writes. */
  readonly onDisk?: (state: DiskState) => void;
  readonly limits?: Partial<RecordLimits>;
  /** Records in the NeDB index; 0 for none. 50,000 unless told, about 100 MB. */
  readonly indexDocumentsMax?: number;
  readonly disk?: RecordDisk;
  /** The own log grew, closed a segment, gave one up or became durable. */
  readonly onLogChanged?: () => void;
  /** What others hold of the own logs. Given: need is answered by who holds the copies, not here. */
  readonly copies?: OwnCopies;
  /** Compiled index worker, for tests that run from sources. */
  readonly indexWorkerUrl?: URL;
};

/** What health shows of the log. */
export type RecordStoreStats = {
  readonly disk: DiskState;
  readonly queues: Record<string, number>;
  readonly drops: Record<string, number>;
  readonly counters: Record<string, number>;
};

/** A record found by a query. */
export type FoundRecord = { readonly epoch: string; readonly record: LogRecord };
/** `isWhole` false: there may be more, older than what was looked through. */
export type QueryAnswer = { readonly records: readonly FoundRecord[]; readonly isWhole: boolean };

type Parts = {
  readonly lock: FolderLock;
  readonly records: RecordLog;
  readonly publisher: Publisher;
  readonly head: HeadPublisher;
  readonly needs: NeedServer | undefined;
  readonly segments: SegmentPublisher;
  readonly index: RecordIndex | undefined;
  readonly publicKey: string;
};

const INDEX_DOCUMENTS_MAX = 50_000;

/** The node's records: its log, what publishes it, what answers for it, and the index over it. */
export class RecordStore {
  readonly #options: RecordStoreOptions;
  readonly #limits: RecordLimits;
  #parts: Parts | undefined;
  #closing: Promise<void> | undefined;
  #cancelTellFirst: (() => void) | undefined;
  #unloggedExpired = new Map<string, number>();

  constructor(options: RecordStoreOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_RECORD_LIMITS, ...options.limits };
  }

  /**
   * Locks the folder, reads what earlier lives left, and starts publishing when the link is up.
   * @throws OperationError state-locked, state-unwritable, disk-full, credentials-invalid
   */
  async open(): Promise<void> {
    const { stateDir } = this.#options;
    const dir = join(stateDir, 'records');
    // The log itself tells of a disk that takes no writes, and keeps its records in memory.
    this.#parts = await openLocked(dir, 'records', (lock) => this.#openParts(dir, lock));
  }

  /** Public key of this node for its `info`: base64 of 32 bytes. */
  get publicKey(): string {
    return this.#open().publicKey;
  }

  /** The own log itself, for who keeps copies and answers for it. */
  get records(): RecordLog {
    return this.#open().records;
  }

  /** The own log as queries see it. */
  get reader(): LogReader {
    return new OwnLogReader(this.#open().records, this.#options.node, this.#options.clock);
  }

  /** The epoch being written; undefined before the first append. */
  get epoch(): string | undefined {
    return this.#open().records.liveEpoch;
  }

  /**
   * Adds a record to the log and publishes it at once. Resolves when it survives the death of this process (while the
   * disk fails: when it is in memory); `s` and `t` are given here.
   * @param capturedAtMs wall clock; now unless told.
   * @throws OperationError record-invalid; nothing is added then.
   */
  async append(fields: RecordFields, capturedAtMs?: number): Promise<LogRecord> {
    return this.#open().records.append(fields, capturedAtMs);
  }

  /** Makes all records so far survive a power cut. */
  flush(): Promise<void> {
    return this.#open().records.flush();
  }

  /** Publishes the head anew, for a broker that may not have it. */
  republish(): void {
    this.#parts?.head.publish();
  }

  /** The newest own records that meet a query, newest first: from the index, older ones from the segments. */
  async query(query: RecordQuery): Promise<QueryAnswer> {
    const { index, records } = this.#open();
    const indexed = index === undefined ? [] : await index.find(query);
    const olderThanMs = index === undefined || index.size === 0 ? Number.POSITIVE_INFINITY : index.sinceMs;
    if (indexed.length >= query.limit || (query.fromMs ?? 0) >= olderThanMs) return answer(indexed, true);
    const known = new Set(indexed.map(({ _id }) => _id));
    const scan = await scanSegments(records, query, olderThanMs);
    const older = scan.documents.filter(({ _id }) => !known.has(_id));
    return answer([...indexed, ...older].slice(0, query.limit), scan.isWhole);
  }

  stats(): RecordStoreStats {
    const { records, publisher, head, needs, segments, index } = this.#open();
    const log = records.counters();
    const sent = publisher.counters();
    return {
      disk: records.diskState,
      queues: {
        recordsUnpublished: publisher.backlog,
        recordsUnwritten: records.unwritten,
        needsWaiting: needs?.waiting ?? 0,
        segmentsUnpublished: segments.backlog,
        recordsUnindexed: index?.backlog ?? 0,
      },
      drops: {
        recordsLost: log.recordsLost ?? 0,
        recordsExpiredUnsent: sent.expiredUnsent ?? 0,
        recordsUnsendable: sent.unsendable ?? 0,
        rottenRecords: log.rottenRecords ?? 0,
        diskErrors: log.diskErrors ?? 0,
        diskStalls: log.diskStalls ?? 0,
      },
      counters: {
        ...prefixed('log', log),
        ...prefixed('publish', sent),
        ...prefixed('head', head.counters()),
        ...prefixed('need', needs?.counters() ?? {}),
        ...prefixed('segment', segments.counters()),
        ...prefixed('index', index?.counters() ?? {}),
      },
    };
  }

  /** Writes, fsyncs and closes everything; the link stays open. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const parts = this.#parts;
    if (parts === undefined) return;
    parts.needs?.close();
    // All of the log in segments, so that who comes while we are off can read it from the broker alone.
    await parts.records.closeSegment();
    parts.head.publish();
    await parts.segments.drain();
    parts.segments.close();
    await parts.records.close();
    // The head tells listeners of the last records, should the stop cut them off.
    parts.head.publish();
    parts.head.close();
    await parts.publisher.close();
    await parts.index?.close();
    await parts.lock.release();
  }

  #open(): Parts {
    if (this.#parts === undefined) throw new Error('the record store is not open');
    return this.#parts;
  }

  async #openParts(dir: string, lock: FolderLock): Promise<Parts> {
    const { stateDir, node, link, clock, random, log, disk = localDisk } = this.#options;
    const limits = this.#limits;
    const key = await openNodeKey(join(stateDir, 'node-key.pem'), disk);
    const records = new RecordLog({
      dir,
      node,
      disk,
      clock,
      log,
      limits,
      opening: this.#options.opening,
      isClockSynchronised: this.#options.isClockSynchronised ?? (() => true),
      onAppended: () => {
        this.#parts?.publisher.wake();
        this.#parts?.index?.wake();
        this.#options.onLogChanged?.();
      },
      onSynced: () => this.#options.onLogChanged?.(),
      onRot: () => this.#options.onLogChanged?.(),
      onSegmentClosed: () => {
        this.#options.onLogChanged?.();
        this.#parts?.head.publish();
        this.#parts?.segments.wake();
      },
      onDisk: (state) => this.#options.onDisk?.(state),
      onExpired: (epoch, first, last) => this.#noteExpired(epoch, first, last),
    });
    await records.open();
    const cursor = new CursorFile(join(dir, 'published'), disk);
    const shared = { link, sides: this.#options.sides, records, node, clock, random, log, limits };
    const publisher = new Publisher({ ...shared, cursor });
    await publisher.open();
    const { copies } = this.#options;
    const head = new HeadPublisher({ ...shared, key, ...(copies === undefined ? {} : { copies }) });
    head.open();
    const bulk = { ...shared, link: this.#options.bulk ?? link };
    const needs = copies === undefined ? new NeedServer(bulk) : undefined;
    needs?.open();
    const segments = new SegmentPublisher(bulk);
    segments.open();
    const index = this.#openIndex(records);
    return { lock, records, publisher, head, needs, segments, index, publicKey: publicKeyText(key) };
  }

  #openIndex(records: RecordLog): RecordIndex | undefined {
    const { clock, log, indexWorkerUrl, indexDocumentsMax: documentsMax = INDEX_DOCUMENTS_MAX } = this.#options;
    if (documentsMax === 0) return undefined;
    const workerUrl = indexWorkerUrl === undefined ? {} : { workerUrl: indexWorkerUrl };
    return new RecordIndex({ records, clock, log, documentsMax, ...workerUrl });
  }

  // Records that were never sent and are gone: told by a record, once retention is done with the epoch.
  #noteExpired(epoch: string, first: number, last: number): void {
    const unsent = this.#parts?.publisher.noteExpired(epoch, first, last) ?? 0;
    // Not at once: retention runs inside a write, and may give up more in the same pass.
    this.#cancelTellFirst ??= this.#options.clock.after(0, () => {
      this.#cancelTellFirst = undefined;
      this.#parts?.head.publish();
      this.#parts?.segments.wake();
    });
    if (unsent === 0) return;
    this.#unloggedExpired.set(epoch, (this.#unloggedExpired.get(epoch) ?? 0) + unsent);
    this.#options.clock.after(0, () => this.#tellExpired());
  }

  #tellExpired(): void {
    const losses = [...this.#unloggedExpired];
    this.#unloggedExpired = new Map();
    for (const [epoch, n] of losses) {
      this.append({ k: 'loss', why: 'expired', n, e: epoch }).catch((error) => {
        this.#options.log.error('loss not recorded', { epoch, records: n, error: messageOf(error) });
      });
    }
  }
}

function answer(documents: readonly IndexDocument[], isWhole: boolean): QueryAnswer {
  const records = documents.map(({ e, text }) => ({ epoch: e, record: LogRecord.parse(parseJson(text)) }));
  return { records, isWhole };
}

function prefixed(prefix: string, counters: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).map(([name, count]) => [`${prefix}.${name}`, count]));
}

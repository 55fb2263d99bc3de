import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import type { Link } from '../base/link/link.js';
import type { SideLinks } from '../base/link/side-links.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import type { LogRecord } from '../protocol/record.js';
import type { ReplicaState } from '../protocol/replica.js';
import type { EdgeConfig } from './config.js';
import type { LogReader } from './query/log-reader.js';
import { QueryServer } from './query/query-server.js';
import type { DiskState } from './records/disk-trouble.js';
import type { OwnCopies } from './records/head.js';
import type { OpeningFields, RecordFields } from './records/record-log.js';
import { RecordStore, type RecordStoreStats } from './records/record-store.js';
import { CopyLogReader } from './replica/copy-log-reader.js';
import { Replica } from './replica/replica.js';

export type NodeRecordsOptions = {
  readonly node: string;
  readonly stateDir: string;
  readonly records: DeepReadonly<EdgeConfig['records']>;
  readonly replica: DeepReadonly<EdgeConfig['replica']>;
  readonly link: Link;
  /** The second connection, for segments and fills. */
  readonly bulk: Link;
  /** Links to the brokers the node is not at. */
  readonly sides: SideLinks;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What each epoch's first record says. */
  readonly opening: () => OpeningFields;
  readonly isClockSynchronised: () => boolean;
  readonly onDisk: (state: DiskState) => void;
  /** To be shown on the wire. */
  readonly onReplicaState: (state: ReplicaState) => void;
};

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** All of a node that has to do with records: its own log, its copies of the others', and its answers to queries. */
export class NodeRecords {
  readonly #options: NodeRecordsOptions;
  readonly #store: RecordStore;
  #replica: Replica | undefined;
  #queries: QueryServer | undefined;
  #reader: LogReader | undefined;

  constructor(options: NodeRecordsOptions) {
    const { node, stateDir, records, replica, link, bulk, sides, clock, random, log } = options;
    this.#options = options;
    this.#store = new RecordStore({
      ...{ link, bulk, sides, node, stateDir, clock, random, log },
      isClockSynchronised: options.isClockSynchronised,
      onDisk: options.onDisk,
      onLogChanged: () => this.#replica?.noteOwn(),
      ...(replica.enabled ? { copies: this.#ownCopies() } : {}),
      indexDocumentsMax: records.indexDocumentsMax,
      limits: limitsOf(records),
      opening: options.opening,
    });
  }

  /** @throws OperationError `state-unwritable`, `state-locked`, `disk-full`. */
  async open(): Promise<void> {
    await this.#store.open();
    if (this.#options.replica.enabled) await this.#openReplica();
    this.#openQueries();
  }

  /** Base64 of 32 bytes; the key that signs this node's heads. */
  get publicKey(): string {
    return this.#store.publicKey;
  }

  /** The epoch being written; undefined before the first append. */
  get epoch(): string | undefined {
    return this.#store.epoch;
  }

  /** All logs held here; undefined until they are open. */
  get reader(): LogReader | undefined {
    return this.#reader;
  }

  /** Adds a record to the own log. @throws OperationError record-invalid; nothing is added then. */
  append(fields: RecordFields, capturedAtMs?: number): Promise<LogRecord> {
    return this.#store.append(fields, capturedAtMs);
  }

  /** Publishes what is retained anew, for a broker that may not have it. */
  republish(): void {
    this.#store.republish();
  }

  /** How the replica fares; undefined where none is kept. */
  get replicaState(): ReplicaState | undefined {
    return this.#replica?.state();
  }

  /**
   * How far another node's log reaches here: everything up to `held` can be answered, everything up to `durable` survives a
   * power cut. Seqs; 0 where nothing is kept.
   */
  copyExtent(node: string, epoch: string): { readonly held: number; readonly durable: number } {
    const copy = this.#replica?.core.copy(node, epoch);
    return { held: copy?.answerable ?? 0, durable: copy?.frontier ?? 0 };
  }

  stats(): RecordStoreStats {
    const { queues, drops, ...rest } = this.#store.stats();
    return {
      ...rest,
      queues: { ...queues, queries: this.#queries?.waiting ?? 0 },
      drops: { ...drops, ...copyLosses(this.#replica?.counters() ?? {}) },
    };
  }

  /** Brings everything to disk and, as far as the broker takes it, to the wire; the links stay open. */
  async close(): Promise<void> {
    await this.#queries?.close();
    await this.#replica?.close();
    await this.#store.close();
  }

  async #openReplica(): Promise<void> {
    const { node, stateDir, link, bulk, sides, clock, random, log, onReplicaState } = this.#options;
    const { budgetMiB, retentionDays, pollMs } = this.#options.replica;
    const replica = new Replica({
      ...{ node, stateDir, link, bulk, sides, clock, log, random: random.fork('replica') },
      publicKey: this.#store.publicKey,
      records: this.#store.records,
      limits: { copiesBytesMax: budgetMiB * MIB, retentionMs: retentionDays * DAY_MS, pollMs },
      onState: onReplicaState,
    });
    await replica.open();
    this.#replica = replica;
  }

  #ownCopies(): OwnCopies {
    return {
      length: (epoch) => this.#replica?.ownLength(epoch) ?? 0,
      isSealed: (epoch) => this.#replica?.isSealed(epoch) ?? false,
    };
  }

  #openQueries(): void {
    const { node, link, clock, log } = this.#options;
    const own = this.#store.reader;
    const replica = this.#replica;
    const reader = replica === undefined ? own : new CopyLogReader(replica, node, own);
    this.#reader = reader;
    this.#queries = new QueryServer({
      ...{ link, node, reader, clock, log },
      state: () => replica?.state().state ?? 'active',
    });
    this.#queries.open();
  }
}

function limitsOf(records: NodeRecordsOptions['records']) {
  const { retentionMiB, retentionRecords, retentionDays, retentionDaysByKind, fsyncMs, fsyncRefillMs } = records;
  const byKind = Object.entries(retentionDaysByKind).map(([kind, days]) => [kind, days * DAY_MS]);
  return {
    ...{ retentionRecords, fsyncMs, fsyncRefillMs },
    retentionBytes: retentionMiB * MIB,
    retentionMs: retentionDays * DAY_MS,
    retentionMsByKind: Object.fromEntries(byKind),
  };
}

/** What of a replica's counters is loss or trouble; the rest is in its own state. */
const COPY_LOSSES = [
  ...['linesRefused', 'linesDoubted', 'segmentsRefused', 'keysRefused', 'headsRefused', 'forks', 'clones', 'gone'],
  ...['rot', 'expired', 'pollsLost', 'needsRefused', 'logsRefused', 'diskFailures', 'segmentsDropped', 'sendFailures'],
];

function copyLosses(counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(COPY_LOSSES.map((name) => [`copies.${name}`, counters[name] ?? 0]));
}

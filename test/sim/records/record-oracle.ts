import type { InvariantBook } from '../invariant-book.js';
import type { HeldLog, ObservedReplica, RecordSeen } from './observed-replica.js';
import type { TrueLog } from './query-oracle.js';

/** A log that any board ever wrote, as the oracle knows it. */
type KnownLog = {
  readonly node: string;
  readonly epoch: string;
  /** Content by seq: what the writer appended, and it alone says what is true. */
  readonly texts: Map<number, string>;
  acknowledged: number;
  /** Below it, what was lost already when another node had all that was left: it was never acknowledged. */
  readonly goneBefore: Set<number>;
  /** Largest seq that its writer was seen to hold durably. */
  durable: number;
  first: number;
  /** Frontier of each copy that was destroyed, at that time. */
  readonly destroyed: number[];
};

/** Copies that acknowledging promises: the writer's and one more. */
const COPIES_PROMISED = 2;

/**
 * Knows every record that was written and checks what replicas hold and say against it. Looks only at what a replica would
 * answer, at traffic, and at faults.
 */
export class RecordOracle {
  readonly #book: InvariantBook;
  readonly #isHolder: (board: string, node: string) => boolean;
  readonly #logs = new Map<string, KnownLog>();
  /** Logs as each board held them when last looked at: what a board that is off has on its disk; and in which life. */
  readonly #lastHeld = new Map<string, { readonly replica: ObservedReplica; readonly logs: readonly HeldLog[] }>();

  /** @param isHolder whether a board is to hold the logs of a node. */
  constructor(book: InvariantBook, isHolder: (board: string, node: string) => boolean) {
    this.#book = book;
    this.#isHolder = isHolder;
  }

  get records(): number {
    let count = 0;
    for (const log of this.#logs.values()) count += log.texts.size;
    return count;
  }

  get acknowledged(): number {
    let count = 0;
    for (const log of this.#logs.values()) count += log.acknowledged - log.goneBefore.size;
    return count;
  }

  /** What is true of a log; undefined: nobody ever wrote it. */
  trueLog(node: string, epoch: string): TrueLog | undefined {
    return this.#logs.get(keyOf(node, epoch));
  }

  /** I10: a replica gave up a segment of its disk because others differ. Whoever is right keeps what is right. */
  noteAside(board: string, records: readonly RecordSeen[]): void {
    const isTrue = ({ node, epoch, seq, text }: RecordSeen) => this.trueLog(node, epoch)?.texts.get(seq) === text;
    const [first] = records;
    this.#book.check('I10 repair replaces nothing good', first === undefined || !records.every(isTrue), () => {
      return `${board} put a good segment aside, from ${first === undefined ? '' : idOf(first.node, first.epoch, first.seq)} on`;
    });
  }

  /** A writer appended a record. */
  noteAppended({ node, epoch, seq, text }: RecordSeen): void {
    const log = this.#logOf(node, epoch);
    const known = log.texts.get(seq);
    this.#book.check(
      'I2 one id has one content',
      known === undefined || known === text,
      () => `${idOf(node, epoch, seq)} was appended twice: ${known} and ${text}`,
    );
    if (known === undefined) log.texts.set(seq, text);
  }

  /** A record passed a broker. */
  noteTraffic(seen: RecordSeen): void {
    const known = this.#logs.get(keyOf(seen.node, seen.epoch))?.texts.get(seen.seq);
    // What a clone or a writer that died at once appended may be seen here first.
    if (known === undefined) {
      this.noteAppended(seen);
      return;
    }
    this.#book.check(
      'I9 nothing rotten is published',
      known === seen.text,
      () => `${idOf(seen.node, seen.epoch, seen.seq)}: ${seen.text} instead of ${known}`,
    );
  }

  /** @param isHeld whether its writer or anybody else has a record of that log now. */
  noteAcknowledged(node: string, epoch: string, seq: number, isHeld: (seq: number) => boolean): void {
    const log = this.#logOf(node, epoch);
    for (let s = log.acknowledged + 1; s <= seq; s++) if (!isHeld(s)) log.goneBefore.add(s);
    log.acknowledged = Math.max(log.acknowledged, seq);
  }

  /** Looks at a running replica: what it claims must be so, and stay so. */
  observe(board: string, replica: ObservedReplica): void {
    const held = replica.logs();
    const last = this.#lastHeld.get(board);
    const before = byKey(last?.logs ?? []);
    for (const log of held) {
      const known = this.#logOf(log.node, log.epoch);
      const lastLog = before.get(keyOf(log.node, log.epoch));
      // A disk that refused to keep it, until the process died, knows no more of it. Heads tell it anew.
      const first = (last?.replica === replica ? lastLog?.first : (lastLog?.firstOnDisk ?? lastLog?.first)) ?? 1;
      this.#book.check('I14 first never falls', log.first >= first, () => {
        return `${board}: first of ${log.node}/${log.epoch} is ${log.first}, was ${first}`;
      });
      known.first = Math.max(known.first, log.first);
      if (log.epoch === replica.ownEpoch) known.durable = Math.max(known.durable, log.frontier);
    }
    this.#lastHeld.set(board, { replica, logs: held });
  }

  /** A board is about to lose some of its disk for good. */
  noteDestruction(board: string): void {
    for (const held of this.#lastHeld.get(board)?.logs ?? [])
      this.#logOf(held.node, held.epoch).destroyed.push(held.frontier);
    this.#lastHeld.delete(board);
  }

  /** What the boards that run and are to hold a log do not agree on; undefined: they hold the same. */
  difference(replicas: ReadonlyMap<string, ObservedReplica>): string | undefined {
    const seen = new Map<string, { readonly board: string; readonly extent: string }>();
    const helds = [...replicas].map(([board, replica]) => ({ board, held: byKey(replica.logs()) }));
    const keys = new Set(helds.flatMap(({ held }) => [...held.keys()]));
    for (const { board, held } of helds) {
      for (const key of keys) {
        if (!this.#isHolder(board, key.split('/')[0] ?? '')) continue;
        const extent = describe(held.get(key));
        const other = seen.get(key);
        if (other === undefined) seen.set(key, { board, extent });
        else if (other.extent !== extent) return `${key}: ${other.board} has ${other.extent}, ${board} has ${extent}`;
      }
    }
    return undefined;
  }

  /** A record that a replica claims and cannot give, though somebody has it: rot that nobody has met yet, or a fault. */
  lack(replicas: ReadonlyMap<string, ObservedReplica>): string | undefined {
    for (const [board, replica] of replicas) {
      for (const { node, epoch, first, frontier } of replica.logs()) {
        for (let seq = first; seq <= frontier; seq++) {
          if (replica.textOf(node, epoch, seq) !== undefined) continue;
          const isSomewhere = [...replicas.values()].some((each) => each.textOf(node, epoch, seq) !== undefined);
          if (isSomewhere) return `${board} lacks ${idOf(node, epoch, seq)}`;
        }
      }
    }
    return undefined;
  }

  /** The end: every fault is healed and time to converge has passed. */
  finish(replicas: ReadonlyMap<string, ObservedReplica>): void {
    const difference = this.difference(replicas);
    this.#book.check('I3 holders end equal', difference === undefined, () => difference ?? '');
    for (const [board, replica] of replicas) this.#checkContent(board, replica, replicas);
    for (const log of this.#logs.values()) {
      const acknowledged = range(log.first, log.acknowledged).filter((seq) => !log.goneBefore.has(seq));
      this.#checkKept('I1 no acknowledged record is lost', log, acknowledged, COPIES_PROMISED, replicas);
      this.#checkKept('I15 nothing durable goes silently', log, range(log.first, log.durable), 1, replicas);
      this.#checkTimes(log);
    }
  }

  /** I4 and I2: every record a replica claims is there and true, unless nobody has it. */
  #checkContent(board: string, replica: ObservedReplica, replicas: ReadonlyMap<string, ObservedReplica>): void {
    for (const { node, epoch, first, frontier } of replica.logs()) {
      const known = this.#logOf(node, epoch);
      for (let seq = first; seq <= frontier; seq++) {
        const text = replica.textOf(node, epoch, seq);
        const id = idOf(node, epoch, seq);
        const isThere = text !== undefined || [...replicas.values()].every((each) => !each.textOf(node, epoch, seq));
        this.#book.check('I4 nothing is missing below a frontier', isThere, () => `${board} lacks ${id}`);
        if (text === undefined) continue;
        const truth = known.texts.get(seq);
        this.#book.check(
          'I2 one id has one content',
          text === truth,
          () => `${board} has ${id}: ${text}, not ${truth}`,
        );
      }
    }
  }

  /** What was promised is held by somebody, unless as many copies were destroyed as the promise allows. */
  #checkKept(
    invariant: string,
    log: KnownLog,
    seqs: readonly number[],
    copiesMax: number,
    replicas: ReadonlyMap<string, ObservedReplica>,
  ): void {
    for (const seq of seqs) {
      const failures = log.destroyed.filter((frontier) => frontier >= seq).length;
      if (failures >= copiesMax) continue;
      const truth = log.texts.get(seq);
      const isHeld = [...replicas.values()].some((replica) => replica.textOf(log.node, log.epoch, seq) === truth);
      this.#book.check(
        invariant,
        isHeld && truth !== undefined,
        () => `${idOf(log.node, log.epoch, seq)} is held by nobody; ${failures} of its copies were destroyed`,
      );
    }
  }

  /** I16: whatever the clocks did, times rise with seq, so that a range of times is a run of each log. */
  #checkTimes({ node, epoch, texts }: KnownLog): void {
    let last = Number.NEGATIVE_INFINITY;
    for (const [seq, text] of [...texts].sort((a, b) => a[0] - b[0])) {
      const t = Number(JSON.parse(text).t);
      this.#book.check('I16 seq orders, whatever clocks do', !(t < last), () => `${idOf(node, epoch, seq)}: ${text}`);
      last = t;
    }
  }

  #logOf(node: string, epoch: string): KnownLog {
    const key = keyOf(node, epoch);
    const known = this.#logs.get(key);
    if (known !== undefined) return known;
    const log: KnownLog = {
      ...{ node, epoch, first: 1, durable: 0, acknowledged: 0 },
      ...{ texts: new Map(), goneBefore: new Set(), destroyed: [] },
    };
    this.#logs.set(key, log);
    return log;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

function keyOf(node: string, epoch: string): string {
  return `${node}/${epoch}`;
}

function idOf(node: string, epoch: string, seq: number): string {
  return `${node}/${epoch}/${seq}`;
}

function byKey(logs: readonly HeldLog[]): Map<string, HeldLog> {
  return new Map(logs.map((log) => [keyOf(log.node, log.epoch), log]));
}

function describe(log: HeldLog | undefined): string {
  // An epoch whose first record the disk refused is known to its writer alone, and is empty.
  return log === undefined || log.frontier === 0 ? 'nothing' : `${log.first}..${log.frontier}`;
}

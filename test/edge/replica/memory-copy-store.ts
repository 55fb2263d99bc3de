import { OperationError } from '../../../base/errors.js';
import { type OpenedSegment, RottenSegmentError, type SegmentMeta } from '../../../edge/records/segment.js';
import type {
  CopyLine,
  CopyOnDisk,
  CopyRot,
  CopyStore,
  CopyStoreContent,
  ForgottenEpoch,
  KeptHead,
  SegmentToKeep,
} from '../../../edge/replica/store/copy-store.js';

type KeptSegment = SegmentToKeep & { readonly meta: SegmentMeta; isRotten: boolean };

/** What one epoch of another node left on the disk of a simulated board. */
class KeptEpoch {
  readonly node: string;
  readonly epoch: string;
  readonly segments = new Map<number, KeptSegment>();
  first = 1;

  constructor({ node, epoch }: ForgottenEpoch) {
    this.node = node;
    this.epoch = epoch;
  }

  wants(s: number): boolean {
    if (s < this.first) return false;
    return ![...this.segments.values()].some(({ meta }) => s >= meta.first && s < meta.first + meta.count);
  }
}

/** The disk of a simulated board: outlives the stores that are opened on it. */
export class MemoryCopyDisk {
  readonly epochs = new Map<string, KeptEpoch>();
  readonly heads = new Map<string, KeptHead>();
  readonly forgotten = new Map<string, ForgottenEpoch>();
  inbox: CopyLine[] = [];
  syncedLines = 0;
  unreported: CopyRot[] = [];
  /** While set, every write rejects with this system code. */
  trouble: 'ENOSPC' | 'EIO' | undefined;

  /** A power cut: of the lines that were not synced only the first `kept` survive. */
  cutPower(kept = 0): void {
    this.inbox = this.inbox.slice(0, this.syncedLines + kept);
    this.syncedLines = this.inbox.length;
  }

  /** A byte of a closed segment flips; who reads it notices. False if there is no such segment. */
  rotSegment(node: string, epoch: string, n: number): boolean {
    const segment = this.epochs.get(keyOf({ node, epoch }))?.segments.get(n);
    if (segment !== undefined) segment.isRotten = true;
    return segment !== undefined;
  }

  /** A byte of an inbox line flips: the next life finds it damaged. False if there is no such line. */
  rotLine(index: number): boolean {
    const [line] = this.inbox.splice(index, 1);
    if (line === undefined) return false;
    if (index < this.syncedLines) this.syncedLines--;
    this.unreported.push({ node: line.node, epoch: line.epoch, path: 'inbox', reason: 'checksum differs' });
    return true;
  }

  /** A new card. */
  wipe(): void {
    this.epochs.clear();
    this.heads.clear();
    this.forgotten.clear();
    this.inbox = [];
    this.syncedLines = 0;
    this.unreported = [];
  }
}

/**
 * The copies of a simulated board: no files, no threads and no time, so that a history of it depends on its seed alone.
 * A store whose process died is left behind; the next life opens another one on the same disk.
 */
export class MemoryCopyStore implements CopyStore {
  readonly #disk: MemoryCopyDisk;
  readonly #counters: Record<string, number> = { linesAppended: 0, linesPassedOver: 0, segmentsKept: 0, rotten: 0 };

  constructor(disk: MemoryCopyDisk) {
    this.#disk = disk;
  }

  async open(): Promise<CopyStoreContent> {
    const { epochs, heads, forgotten, inbox, unreported } = this.#disk;
    const copies = [...epochs.values()].map((kept): CopyOnDisk => {
      const { node, epoch, first } = kept;
      const segments = [...kept.segments.values()].map(({ meta }) => meta).sort((a, b) => a.n - b.n);
      const lines = inbox.filter((line) => keyOf(line) === keyOf(kept) && kept.wants(line.s));
      return { node, epoch, segments, first, lines };
    });
    this.#disk.unreported = [];
    return { copies, heads: [...heads.values()], rot: unreported, forgotten: [...forgotten.values()] };
  }

  async append(lines: readonly CopyLine[]): Promise<void> {
    this.#meetTrouble();
    for (const line of lines) {
      if (this.#disk.forgotten.has(keyOf(line)) || !this.#epoch(line).wants(line.s)) {
        this.#count('linesPassedOver');
        continue;
      }
      this.#disk.inbox.push(line);
      this.#count('linesAppended');
    }
  }

  async sync(): Promise<void> {
    this.#meetTrouble();
    this.#disk.syncedLines = this.#disk.inbox.length;
  }

  async saveHead(head: KeptHead): Promise<void> {
    this.#meetTrouble();
    this.#disk.heads.set(`${head.head.node} ${head.publicKey}`, head);
  }

  async saveSegment(segment: SegmentToKeep): Promise<SegmentMeta> {
    this.#meetTrouble();
    const { header, headerLine, lines, hash } = segment;
    const { seg: n, first, count, t0, t1, prev } = header;
    const isForgotten = this.#disk.forgotten.has(keyOf(segment));
    if (isForgotten || first + count <= this.#epoch(segment).first) throw refusal(segment);
    const bytes = headerLine.length + lines.reduce((sum, line) => sum + line.length + 1, 1);
    const meta = { n, first, count, t0, t1, prev, hash, bytes };
    this.#epoch(segment).segments.set(n, { ...segment, meta, isRotten: false });
    this.#count('segmentsKept');
    return meta;
  }

  async readSegment(node: string, epoch: string, n: number): Promise<OpenedSegment> {
    const kept = this.#disk.epochs.get(keyOf({ node, epoch }))?.segments.get(n);
    if (kept === undefined) throw Object.assign(new Error('ENOENT: no such segment'), { code: 'ENOENT' });
    if (kept.isRotten) {
      await this.putAside(node, epoch, n);
      throw new RottenSegmentError('its hash differs');
    }
    return { header: kept.header, headerLine: kept.headerLine, lines: kept.lines, hash: kept.hash };
  }

  segmentPath(): undefined {
    return undefined;
  }

  async putAside(node: string, epoch: string, n: number): Promise<void> {
    if (this.#disk.epochs.get(keyOf({ node, epoch }))?.segments.delete(n)) this.#count('rotten');
  }

  async expire(node: string, epoch: string, first: number): Promise<void> {
    const kept = this.#epoch({ node, epoch });
    kept.first = Math.max(kept.first, first);
    for (const { meta } of [...kept.segments.values()]) {
      if (meta.first + meta.count <= kept.first) kept.segments.delete(meta.n);
    }
  }

  async forget(node: string, epoch: string): Promise<void> {
    this.#disk.forgotten.set(keyOf({ node, epoch }), { node, epoch });
    this.#disk.epochs.delete(keyOf({ node, epoch }));
  }

  get bytes(): number {
    const segments = [...this.#disk.epochs.values()].flatMap((kept) => [...kept.segments.values()]);
    const closed = segments.reduce((sum, { meta }) => sum + meta.bytes, 0);
    return this.#disk.inbox.reduce((sum, { text }) => sum + text.length + 1, closed);
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters };
  }

  async close(): Promise<void> {}

  #epoch(of: ForgottenEpoch): KeptEpoch {
    const known = this.#disk.epochs.get(keyOf(of));
    if (known !== undefined) return known;
    const made = new KeptEpoch(of);
    this.#disk.epochs.set(keyOf(of), made);
    return made;
  }

  #count(name: string): void {
    this.#counters[name] = (this.#counters[name] ?? 0) + 1;
  }

  #meetTrouble(): void {
    const code = this.#disk.trouble;
    if (code !== undefined) throw Object.assign(new Error(`${code}: simulated`), { code });
  }
}

function keyOf({ node, epoch }: ForgottenEpoch): string {
  return `${node}/${epoch}`;
}

function refusal({ node, epoch }: ForgottenEpoch): OperationError {
  const message = 'it was given up';
  return new OperationError({ code: 'refused', op: 'keep segment', subject: `${node}/${epoch}`, message });
}

import { Epoch, Id } from '../../../protocol/ids.js';
import type { RecordDisk } from '../../records/record-disk.js';
import { sealedBytes } from './checked-line.js';
import type { CopyLine, CopyRot } from './copy-store.js';
import type { CopyStoreLimits } from './copy-store-limits.js';
import { LineJournal } from './line-journal.js';
import type { RotShelf } from './rot-shelf.js';

type Log = { readonly node: string; readonly epoch: string };

/**
 * One journal for the open ends of all copies, so that one fsync serves all and the card sees one growing file. Lines
 * that lie in a closed segment are of no use any more and go when the file is rewritten. One call at a time.
 */
export class Inbox {
  readonly #journal: LineJournal;
  readonly #limits: CopyStoreLimits;
  readonly #shelf: RotShelf;
  readonly #logs = new Map<string, Map<number, CopyLine>>();
  #liveBytes = 0;

  constructor(options: { disk: RecordDisk; path: string; limits: CopyStoreLimits; shelf: RotShelf }) {
    const { disk, path } = options;
    this.#journal = new LineJournal({ disk, path, liveLines: () => this.#liveLines(), fillsPages: true });
    this.#limits = options.limits;
    this.#shelf = options.shelf;
  }

  /** Size of the file. */
  get bytes(): number {
    return this.#journal.bytes;
  }

  /** Bytes of the lines that lie in no closed segment. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Enough of the file is of no use to be worth a rewrite, which copies no more than it frees. */
  get isRewriteDue(): boolean {
    const useless = this.#journal.bytes - this.#liveBytes;
    return useless >= Math.max(this.#limits.inboxRewriteBytes, this.#liveBytes);
  }

  /** Reads what earlier lives left. Its torn end is cut; damaged lines are put aside and told. @throws what the disk throws. */
  async open(): Promise<CopyRot[]> {
    const { path } = this.#journal;
    const { opened, aside } = await this.#shelf.openOrAside(path, 'inbox', () => this.#journal.open());
    const { lines, damaged, isWhole } = opened;
    const rot: CopyRot[] = [];
    if (aside !== undefined) rot.push({ node: '', epoch: '', path: aside, reason: 'the inbox is not readable' });
    for (const text of lines) this.#add(parseLine(text));
    if (damaged.length > 0) {
      const bytes = Buffer.concat(damaged.flatMap((line) => [line, Buffer.of(10)]));
      const keptAt = await this.#shelf.putBytes(bytes, 'inbox');
      rot.push(...damaged.map((line) => describeDamage(line, keptAt)));
    }
    // Where the disk takes no writes now, the next append or sync does it.
    if (!isWhole) await this.#journal.rewrite().catch(() => {});
    return rot;
  }

  has(log: Log, s: number): boolean {
    return this.#logs.get(keyOf(log))?.has(s) ?? false;
  }

  linesOf(log: Log): CopyLine[] {
    return [...(this.#logs.get(keyOf(log))?.values() ?? [])].sort((a, b) => a.s - b.s);
  }

  /** Logs that have lines here. */
  logs(): Log[] {
    return [...this.#logs.values()].flatMap((lines) => [...lines.values()].slice(0, 1));
  }

  /** Adds lines; they survive the death of the process once resolved. @throws what the disk throws; none is added. */
  async append(lines: readonly CopyLine[]): Promise<void> {
    await this.#journal.append(lines.map(formatLine));
    for (const line of lines) this.#add(line);
  }

  sync(): Promise<void> {
    return this.#journal.sync();
  }

  /** Gives up lines of a log; their bytes go with the next rewrite. */
  drop(log: Log, isUseless: (s: number) => boolean): void {
    const lines = this.#logs.get(keyOf(log));
    if (lines === undefined) return;
    for (const line of lines.values()) {
      if (!isUseless(line.s)) continue;
      lines.delete(line.s);
      this.#liveBytes -= sealedBytes(formatLine(line));
    }
    if (lines.size === 0) this.#logs.delete(keyOf(log));
  }

  /** Rewrites the file without what is of no use, durably. @throws what the disk throws; the old file stays. */
  rewrite(): Promise<void> {
    return this.#journal.rewrite();
  }

  close(): Promise<void> {
    return this.#journal.rest();
  }

  *#liveLines(): Generator<string> {
    for (const lines of this.#logs.values()) for (const line of lines.values()) yield formatLine(line);
  }

  #add(line: CopyLine): void {
    const known = this.#logs.get(keyOf(line)) ?? new Map<number, CopyLine>();
    this.#logs.set(keyOf(line), known);
    // The first of two stays.
    if (known.has(line.s)) return;
    known.set(line.s, line);
    this.#liveBytes += sealedBytes(formatLine(line));
  }
}

function keyOf({ node, epoch }: Log): string {
  return `${node}/${epoch}`;
}

function formatLine({ node, epoch, s, text }: CopyLine): string {
  return `${node} ${epoch} ${s} ${text}`;
}

// Its checksum is right: it is a line of ours.
function parseLine(line: string): CopyLine {
  const [node = '', epoch = '', s = ''] = line.split(' ', 3);
  return { node, epoch, s: Number(s), text: line.slice(node.length + epoch.length + s.length + 3) };
}

function describeDamage(bytes: Uint8Array, path: string): CopyRot {
  const [, node = '', epoch = ''] = Buffer.from(bytes).toString('latin1').split(' ', 3);
  const isReadable = Id.safeParse(node).success && Epoch.safeParse(epoch).success;
  const log = isReadable ? { node, epoch } : { node: '', epoch: '' };
  return { ...log, path, reason: 'its checksum differs' };
}

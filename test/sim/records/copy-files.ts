import type { SegmentMeta } from '../../../edge/records/segment.js';
import type {
  CopyLine,
  CopyOnDisk,
  CopyRot,
  CopyStoreContent,
  ForgottenEpoch,
  KeptHead,
  SegmentToKeep,
} from '../../../edge/replica/store/copy-store.js';
import type { SimulatedDisk } from '../kernel/simulated-disk.js';
import { encodeLine } from './line-file.js';
import { appendLine, linesAt } from './own-log.js';
import { encodeSegment, metaOf, readSegment } from './segment-file.js';

const INBOX = 'inbox';
const FORGOTTEN = 'forgotten';

/** The copies of a simulated board as files that can be torn and rot: what `edge/replica/store` does, without promises. */
export class CopyFiles {
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  load(): CopyStoreContent {
    const forgotten = linesAt(this.#disk, FORGOTTEN).map((line): ForgottenEpoch => {
      const [node = '', epoch = ''] = line.split(' ');
      return { node, epoch };
    });
    const rot: CopyRot[] = [];
    const isForgotten = new Set(forgotten.map(keyOf));
    const inbox = linesAt(this.#disk, INBOX).map(lineOf);
    const keys = new Map(inbox.map((line) => [keyOf(line), { node: line.node, epoch: line.epoch }]));
    for (const node of this.#disk.list('copies')) {
      for (const epoch of this.#disk.list(`copies/${node}`)) keys.set(keyOf({ node, epoch }), { node, epoch });
    }
    const copies = [...keys.values()]
      .filter((of) => !isForgotten.has(keyOf(of)))
      .map((of) => this.#copy(of, inbox, rot));
    this.#rewriteInbox(copies);
    return { copies, heads: this.#heads(), rot, forgotten };
  }

  append(lines: readonly CopyLine[]): CopyLine[] {
    return lines.filter(({ node, epoch, s, text }) => !appendLine(this.#disk, INBOX, `${node} ${epoch} ${s} ${text}`));
  }

  /** @throws DiskError */
  sync(): void {
    if (this.#disk.has(INBOX)) this.#disk.sync(INBOX);
  }

  /** @throws DiskError */
  saveHead(kept: KeptHead): void {
    this.#disk.replace(`heads/${kept.head.node} ${kept.publicKey}`, encodeLine(JSON.stringify(kept)));
  }

  /** @throws DiskError */
  saveSegment(segment: SegmentToKeep): SegmentMeta {
    const path = this.segmentPath(segment.node, segment.epoch, segment.header.seg);
    this.#disk.replace(path, encodeSegment(segment.hash, segment.headerLine, segment.lines));
    return metaOf(segment);
  }

  remove(node: string, epoch: string, n: number): void {
    this.#disk.remove(this.segmentPath(node, epoch, n));
  }

  /** @throws DiskError */
  expire(node: string, epoch: string, first: number): void {
    this.#disk.replace(`${folderOf(node, epoch)}/first`, encodeLine(String(first)));
  }

  forget(node: string, epoch: string): void {
    if (!appendLine(this.#disk, FORGOTTEN, `${node} ${epoch}`)) return;
    this.#disk.remove(folderOf(node, epoch));
  }

  segmentPath(node: string, epoch: string, n: number): string {
    return `${folderOf(node, epoch)}/${n}`;
  }

  #copy(of: ForgottenEpoch, inbox: readonly CopyLine[], rot: CopyRot[]): CopyOnDisk {
    const { node, epoch } = of;
    const folder = folderOf(node, epoch);
    const first = Number(linesAt(this.#disk, `${folder}/first`)[0] ?? 1);
    const segments: SegmentMeta[] = [];
    for (const name of this.#disk.list(folder).filter((each) => each !== 'first')) {
      const path = `${folder}/${name}`;
      const opened = readSegment(this.#disk, path);
      if (opened === 'rot' || opened === undefined || opened.header.seg !== Number(name)) {
        rot.push({ node, epoch, path, reason: 'not what was written' });
        this.#disk.remove(path);
      } else if (opened.header.first >= first) segments.push(metaOf(opened));
    }
    segments.sort((a, b) => a.n - b.n);
    const isClosed = (s: number) => segments.some((meta) => s >= meta.first && s < meta.first + meta.count);
    const lines = inbox.filter((line) => keyOf(line) === keyOf(of) && line.s >= first && !isClosed(line.s));
    return { node, epoch, segments, first, lines };
  }

  #rewriteInbox(copies: readonly CopyOnDisk[]): void {
    const lines = copies.flatMap((copy) => copy.lines);
    const bytes = lines.map(({ node, epoch, s, text }) => encodeLine(`${node} ${epoch} ${s} ${text}`));
    try {
      if (this.#disk.has(INBOX)) this.#disk.replace(INBOX, Buffer.concat(bytes));
    } catch {
      // The old one says the same, at greater length.
    }
  }

  #heads(): KeptHead[] {
    return this.#disk.list('heads').flatMap((name): KeptHead[] => {
      const [text] = linesAt(this.#disk, `heads/${name}`);
      return text === undefined ? [] : [JSON.parse(text)];
    });
  }
}

function lineOf(text: string): CopyLine {
  const [node = '', epoch = '', s = '', ...rest] = text.split(' ');
  return { node, epoch, s: Number(s), text: rest.join(' ') };
}

function folderOf(node: string, epoch: string): string {
  return `copies/${node}/${epoch}`;
}

function keyOf({ node, epoch }: ForgottenEpoch): string {
  return `${node}/${epoch}`;
}

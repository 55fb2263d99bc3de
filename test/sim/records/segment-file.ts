import { type OpenedSegment, type SegmentMeta, segmentHash } from '../../../edge/records/segment.js';
import { SegmentHeader } from '../../../protocol/segment.js';
import type { SimulatedDisk } from '../kernel/simulated-disk.js';

/**
 * The bytes of a closed segment in a simulated program: its hash, then its text. Without gzip, which would only cost time
 * here; the hash stands for the index of the real store.
 */
export function encodeSegment(hash: string, headerLine: string, lines: readonly string[]): Uint8Array {
  return Buffer.from(`${hash}\n${headerLine}\n${lines.join('\n')}\n`);
}

export function openedSegment(headerLine: string, header: SegmentHeader, lines: readonly string[]): OpenedSegment {
  return { header, headerLine, lines, hash: segmentHash(headerLine, lines) };
}

/** Reads a closed segment. @returns undefined where there is none, 'rot' where it is not what was written. @throws DiskError */
export function readSegment(disk: SimulatedDisk, path: string): OpenedSegment | 'rot' | undefined {
  if (!disk.has(path)) return undefined;
  const [hash = '', headerLine = '', ...lines] = Buffer.from(disk.read(path)).toString().slice(0, -1).split('\n');
  const header = headerOf(headerLine);
  if (header === undefined || header.count !== lines.length) return 'rot';
  const opened = openedSegment(headerLine, header, lines);
  return opened.hash === hash ? opened : 'rot';
}

/** Reads closed segments as `readSegment` does, and works on a file again only when its bytes are not the same any more. */
export class SegmentReader {
  readonly #disk: SimulatedDisk;
  readonly #known = new WeakMap<object, OpenedSegment | 'rot'>();

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  /** @throws DiskError */
  read(path: string): OpenedSegment | 'rot' | undefined {
    if (!this.#disk.has(path)) return undefined;
    const content = this.#disk.contentOf(path);
    const known = this.#known.get(content);
    if (known !== undefined) return known;
    const segment = readSegment(this.#disk, path);
    if (segment !== undefined) this.#known.set(content, segment);
    return segment;
  }
}

export function metaOf({ header, hash, lines }: Pick<OpenedSegment, 'header' | 'hash' | 'lines'>): SegmentMeta {
  const { seg: n, first, count, t0, t1, prev } = header;
  const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
  return { n, first, count, t0, t1, prev, hash, bytes };
}

function headerOf(text: string): SegmentHeader | undefined {
  try {
    return SegmentHeader.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { OperationError, systemCodeOf } from '../../../base/errors.js';
import { parseJson } from '../../../protocol/codec.js';
import { Head } from '../../../protocol/record.js';
import type { RecordDisk } from '../../records/record-disk.js';
import { readCheckedLines, sealLine } from './checked-line.js';
import type { CopyRot, KeptHead } from './copy-store.js';
import type { CopyStoreLimits } from './copy-store-limits.js';
import type { RotShelf } from './rot-shelf.js';

const KeptHeadLine = z.object({ head: Head, publicKey: z.string().max(64) });
const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}\.[0-9a-f]{16}\.json$/;

/** The newest head of each other node and key, a file each, replaced as a whole. */
export class KeptHeads {
  readonly #disk: RecordDisk;
  readonly #dir: string;
  readonly #limits: CopyStoreLimits;
  readonly #shelf: RotShelf;
  readonly #names = new Set<string>();

  constructor(options: { disk: RecordDisk; dir: string; limits: CopyStoreLimits; shelf: RotShelf }) {
    this.#disk = options.disk;
    this.#dir = options.dir;
    this.#limits = options.limits;
    this.#shelf = options.shelf;
  }

  /** @throws what the disk throws. */
  async open(): Promise<{ readonly heads: KeptHead[]; readonly rot: CopyRot[] }> {
    await this.#disk.makeFolder(this.#dir);
    const heads: KeptHead[] = [];
    const rot: CopyRot[] = [];
    for (const name of (await this.#disk.list(this.#dir)).sort()) {
      // Left by a replacement that did not come to its end.
      if (!NAME_PATTERN.test(name)) await this.#disk.remove(join(this.#dir, name)).catch(() => {});
      else await this.#load(name, heads, rot);
    }
    return { heads, rot };
  }

  /** @throws OperationError refused; whatever the disk throws: the earlier head stays. */
  async save({ head, publicKey }: KeptHead): Promise<void> {
    const { node } = head;
    const name = nameOf(node, publicKey);
    if (!this.#names.has(name) && this.#names.size >= this.#limits.headsMax) {
      const message = `${this.#names.size} nodes have one already, allowed ${this.#limits.headsMax}`;
      throw new OperationError({ code: 'refused', op: 'keep head', subject: `node ${node}`, message });
    }
    await this.#disk.replace(join(this.#dir, name), sealLine(JSON.stringify({ head, publicKey })));
    this.#names.add(name);
  }

  async #load(name: string, heads: KeptHead[], rot: CopyRot[]): Promise<void> {
    const path = join(this.#dir, name);
    const node = name.slice(0, name.indexOf('.'));
    const absent = Buffer.alloc(0);
    const read = () =>
      this.#disk.read(path).catch((error) => (systemCodeOf(error) === 'ENOENT' ? absent : Promise.reject(error)));
    const { opened, aside } = await this.#shelf.openOrAside(path, `${node}-head`, read);
    const { lines, damaged, tornBytes } = readCheckedLines(opened);
    const [line] = lines;
    const found = line === undefined ? undefined : KeptHeadLine.safeParse(parseJson(line));
    if (found?.success && damaged.length === 0 && tornBytes === 0) {
      heads.push(found.data);
      this.#names.add(name);
      return;
    }
    const keptAt = aside ?? (await this.#shelf.putFile(path, `${node}-head`));
    rot.push({ node, epoch: '', path: keptAt, reason: 'the head is damaged' });
  }
}

function nameOf(node: string, publicKey: string): string {
  return `${node}.${createHash('sha256').update(publicKey).digest('hex').slice(0, 16)}.json`;
}

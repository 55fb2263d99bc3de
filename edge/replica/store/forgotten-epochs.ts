import type { RecordDisk } from '../../records/record-disk.js';
import type { CopyRot, ForgottenEpoch } from './copy-store.js';
import type { CopyStoreLimits } from './copy-store-limits.js';
import { LineJournal } from './line-journal.js';
import type { RotShelf } from './rot-shelf.js';

/**
 * Ids of epochs that were given up as a whole, so that nobody brings them back; the latest ones. Each is written twice: one
 * rotten byte must not bring an epoch back. One call at a time.
 */
export class ForgottenEpochs {
  readonly #journal: LineJournal;
  readonly #limits: CopyStoreLimits;
  readonly #shelf: RotShelf;
  /** Lines `node epoch`, oldest first. */
  readonly #ids = new Set<string>();

  constructor(options: { disk: RecordDisk; path: string; limits: CopyStoreLimits; shelf: RotShelf }) {
    const { disk, path } = options;
    this.#journal = new LineJournal({ disk, path, liveLines: () => [...this.#ids, ...this.#ids] });
    this.#limits = options.limits;
    this.#shelf = options.shelf;
  }

  /** @throws what the disk throws. */
  async open(): Promise<CopyRot[]> {
    const { path } = this.#journal;
    const { opened, aside } = await this.#shelf.openOrAside(path, 'forgotten', () => this.#journal.open());
    const { lines, damaged, isWhole } = opened;
    for (const line of lines) this.#add(line);
    if (!isWhole || lines.length > 4 * this.#limits.forgottenMax) await this.#journal.rewrite().catch(() => {});
    const lost = { node: '', epoch: '', reason: 'names of forgotten epochs are damaged' };
    if (aside !== undefined) return [{ ...lost, path: aside }];
    return damaged.map(() => ({ ...lost, path }));
  }

  has({ node, epoch }: ForgottenEpoch): boolean {
    return this.#ids.has(`${node} ${epoch}`);
  }

  list(): ForgottenEpoch[] {
    return [...this.#ids].map((line) => {
      const [node = '', epoch = ''] = line.split(' ');
      return { node, epoch };
    });
  }

  /** Adds one, durably. @throws what the disk throws; it is not added. */
  async add({ node, epoch }: ForgottenEpoch): Promise<void> {
    const line = `${node} ${epoch}`;
    await this.#journal.append([line, line]);
    await this.#journal.sync();
    this.#add(line);
  }

  close(): Promise<void> {
    return this.#journal.rest();
  }

  #add(line: string): void {
    this.#ids.add(line);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#limits.forgottenMax) break;
      this.#ids.delete(oldest);
    }
  }
}

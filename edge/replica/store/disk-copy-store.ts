import { join } from 'node:path';
import type { Clock } from '../../../base/clock.js';
import { Counters } from '../../../base/counters.js';
import { messageOf, OperationError, systemCodeOf } from '../../../base/errors.js';
import type { Log } from '../../../base/log.js';
import { Epoch, Id } from '../../../protocol/ids.js';
import type { RecordDisk } from '../../records/record-disk.js';
import { RECORD_LINE_BYTES_MAX } from '../../records/record-limits.js';
import { type OpenedSegment, RottenSegmentError, type SegmentMeta } from '../../records/segment.js';
import { CopyFolder } from './copy-folder.js';
import type {
  CopyLine,
  CopyOnDisk,
  CopyRot,
  CopyStore,
  CopyStoreContent,
  ForgottenEpoch,
  KeptHead,
  SegmentToKeep,
} from './copy-store.js';
import type { CopyStoreLimits } from './copy-store-limits.js';
import { ForgottenEpochs } from './forgotten-epochs.js';
import { Inbox } from './inbox.js';
import { KeptHeads } from './kept-heads.js';
import { RotShelf } from './rot-shelf.js';
import type { ScrubTarget } from './scrub-schedule.js';
import { removeUnfinished } from './unfinished-files.js';

export type DiskCopyStoreOptions = {
  /** Folder of the copies; made if absent. */
  readonly dir: string;
  readonly disk: RecordDisk;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: CopyStoreLimits;
};

const COUNTER_NAMES = [
  'linesAppended',
  'linesPassedOver',
  'linesRefused',
  'syncs',
  'inboxRewrites',
  'segmentsKept',
  'segmentsKnown',
  'segmentsExpired',
  'epochsForgotten',
  'refusals',
  'rotten',
  'diskErrors',
  'spareUsed',
] as const;

/**
 * The copies of other nodes' logs on a disk: an inbox for the open ends of all, a folder of closed segments per epoch, a
 * head per node and key, the ids of forgotten epochs. Nothing is written twice at once; segments are kept side by side.
 *
 * Memory: the lines of the inbox and 0.3 kB a closed segment.
 */
export class DiskCopyStore implements CopyStore {
  readonly #options: DiskCopyStoreOptions;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #shelf: RotShelf;
  readonly #inbox: Inbox;
  readonly #heads: KeptHeads;
  readonly #forgotten: ForgottenEpochs;
  readonly #folders = new Map<string, CopyFolder>();
  #saves = new Set<Promise<unknown>>();
  #work: Promise<unknown> = Promise.resolve();
  #gathered: { readonly lines: readonly CopyLine[] }[] = [];
  #gathering: Promise<void> | undefined;
  #hasSpare = false;

  constructor(options: DiskCopyStoreOptions) {
    const { dir, disk, clock, limits } = options;
    this.#options = options;
    this.#shelf = new RotShelf({ disk, dir: join(dir, 'rot'), clock, limits });
    this.#inbox = new Inbox({ disk, path: join(dir, 'inbox.jsonl'), limits, shelf: this.#shelf });
    this.#heads = new KeptHeads({ disk, dir: join(dir, 'heads'), limits, shelf: this.#shelf });
    this.#forgotten = new ForgottenEpochs({ disk, path: join(dir, 'forgotten.jsonl'), limits, shelf: this.#shelf });
  }

  /** @throws OperationError disk-full, state-unwritable */
  open(): Promise<CopyStoreContent> {
    return this.#enqueue(() => this.#open().catch((error) => Promise.reject(this.#unreadable(error))));
  }

  /** @throws OperationError record-invalid, refused; whatever the disk throws: none of these lines is added then. */
  async append(lines: readonly CopyLine[]): Promise<void> {
    for (const line of lines) checkLine(line);
    this.#gathered.push({ lines });
    // What gathers while the disk is busy is one write.
    this.#gathering ??= this.#enqueue(() => this.#appendGathered());
    await this.#gathering;
  }

  sync(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#inbox.sync();
      this.#counters.add('syncs');
      if (this.#inbox.isRewriteDue) await this.#rewriteInbox();
    });
  }

  saveHead(head: KeptHead): Promise<void> {
    return this.#enqueue(() => this.#heads.save(head));
  }

  async saveSegment(segment: SegmentToKeep): Promise<SegmentMeta> {
    checkLog(segment);
    // It begins in its turn and goes on beside what comes after.
    const { saving } = await this.#enqueue(() => this.#beginSave(segment));
    return saving;
  }

  async readSegment(node: string, epoch: string, n: number): Promise<OpenedSegment> {
    await Promise.allSettled([...this.#saves, this.#work]);
    const folder = this.#folders.get(keyOf({ node, epoch }));
    const meta = folder?.meta(n);
    if (folder === undefined || meta === undefined) throw absent(node, epoch, n);
    try {
      return await folder.read(meta);
    } catch (error) {
      // Given up or mended while we read: not rot.
      if (folder.meta(n) !== meta) throw absent(node, epoch, n);
      if (error instanceof RottenSegmentError) await this.putAside(node, epoch, n, messageOf(error));
      throw error;
    }
  }

  segmentPath(node: string, epoch: string, n: number): string | undefined {
    const folder = this.#folders.get(keyOf({ node, epoch }));
    return folder?.meta(n) === undefined ? undefined : folder.segmentPath(n);
  }

  putAside(node: string, epoch: string, n: number, reason: string): Promise<void> {
    return this.#enqueue(async () => {
      await this.#settleSaves();
      const folder = this.#folders.get(keyOf({ node, epoch }));
      const meta = folder?.meta(n);
      if (folder !== undefined && meta !== undefined) this.#noteRot(await folder.putAside(meta, reason));
    });
  }

  expire(node: string, epoch: string, first: number): Promise<void> {
    checkLog({ node, epoch });
    return this.#enqueue(async () => {
      await this.#settleSaves();
      if (this.#forgotten.has({ node, epoch })) return;
      const folder = this.#folder({ node, epoch });
      const gone = await this.#withSpare(() => folder.expire(first));
      this.#counters.add('segmentsExpired', gone);
      this.#inbox.drop({ node, epoch }, (s) => s < folder.first);
    });
  }

  forget(node: string, epoch: string): Promise<void> {
    checkLog({ node, epoch });
    return this.#enqueue(async () => {
      await this.#settleSaves();
      if (!this.#forgotten.has({ node, epoch })) await this.#withSpare(() => this.#forgotten.add({ node, epoch }));
      this.#inbox.drop({ node, epoch }, () => true);
      const folder = this.#folders.get(keyOf({ node, epoch }));
      this.#folders.delete(keyOf({ node, epoch }));
      this.#counters.add('epochsForgotten');
      // What stays of it now is removed by the next life.
      await folder?.remove().catch((error) => this.#noteLeftOver(folder, error));
    });
  }

  /** All closed segments, for the scrub. */
  segments(): ScrubTarget[] {
    return [...this.#folders.values()].flatMap(({ node, epoch, segments }) =>
      segments.map(({ n, bytes }) => ({ node, epoch, n, bytes })),
    );
  }

  get bytes(): number {
    let bytes = this.#inbox.bytes;
    for (const folder of this.#folders.values()) bytes += folder.bytes;
    return bytes;
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /** Ends what is under way and fsyncs the inbox. Idempotent. */
  async close(): Promise<void> {
    await this.sync().catch((error) => this.#options.log.warn('inbox not synced', { error: messageOf(error) }));
    await this.#enqueue(async () => {
      await this.#settleSaves();
      await this.#inbox.close();
      await this.#forgotten.close();
    });
  }

  async #open(): Promise<CopyStoreContent> {
    const { dir, disk } = this.#options;
    await disk.makeFolder(join(dir, 'copies'));
    await removeUnfinished(disk, dir);
    await removeUnfinished(disk, join(dir, 'rot'));
    await this.#shelf.tidy();
    const rot = [...(await this.#forgotten.open()), ...(await this.#loadFolders()), ...(await this.#inbox.open())];
    const { heads, rot: headRot } = await this.#heads.open();
    for (const found of [...rot, ...headRot]) this.#noteRot(found);
    await this.#layInSpare();
    const logs = new Map<string, ForgottenEpoch>(this.#folders);
    for (const log of this.#inbox.logs()) {
      this.#inbox.drop(log, (s) => this.#forgotten.has(log) || !this.#isLoose(log, s));
      if (!this.#forgotten.has(log)) logs.set(keyOf(log), log);
    }
    const copies = [...logs.values()].map((log) => this.#describe(log));
    return { copies, heads, rot: [...rot, ...headRot], forgotten: this.#forgotten.list() };
  }

  async #loadFolders(): Promise<CopyRot[]> {
    const { dir, disk } = this.#options;
    const rot: CopyRot[] = [];
    for (const node of (await disk.list(join(dir, 'copies'))).filter((name) => Id.safeParse(name).success)) {
      for (const epoch of await disk.list(join(dir, 'copies', node))) {
        if (!Epoch.safeParse(epoch).success) continue;
        const folder = this.#makeFolder({ node, epoch });
        // A crash came between forgetting it and removing it.
        if (this.#forgotten.has({ node, epoch })) await folder.remove().catch(() => {});
        else {
          rot.push(...(await folder.load()));
          this.#folders.set(keyOf(folder), folder);
        }
      }
    }
    return rot;
  }

  #describe({ node, epoch }: ForgottenEpoch): CopyOnDisk {
    const folder = this.#folders.get(keyOf({ node, epoch }));
    const lines = this.#inbox.linesOf({ node, epoch });
    return { node, epoch, segments: folder?.segments ?? [], first: folder?.first ?? 1, lines };
  }

  // Each batch is refused or taken as a whole, and all that are taken are one write.
  async #appendGathered(): Promise<void> {
    const lines = this.#gathered.splice(0).flatMap((batch) => batch.lines);
    this.#gathering = undefined;
    const wanted = this.#pickWanted(lines);
    if (wanted.length === 0) return;
    const bytes = wanted.reduce((sum, { text }) => sum + text.length, this.#inbox.liveBytes);
    if (bytes > this.#options.limits.inboxBytesMax) {
      this.#counters.add('linesRefused', wanted.length);
      throw refusal(
        'append lines',
        'the inbox',
        `full, ${this.#options.limits.inboxBytesMax} bytes of lines in no segment`,
      );
    }
    await this.#inbox.append(wanted);
    this.#counters.add('linesAppended', wanted.length);
  }

  #pickWanted(lines: readonly CopyLine[]): CopyLine[] {
    const taken = new Set<string>();
    const wanted = lines.filter((line) => {
      const id = `${keyOf(line)}/${line.s}`;
      const isWanted =
        !this.#forgotten.has(line) && this.#isLoose(line, line.s) && !this.#inbox.has(line, line.s) && !taken.has(id);
      taken.add(id);
      return isWanted;
    });
    this.#counters.add('linesPassedOver', lines.length - wanted.length);
    return wanted;
  }

  #isLoose(log: ForgottenEpoch, s: number): boolean {
    return this.#folders.get(keyOf(log))?.isLoose(s) ?? true;
  }

  async #beginSave(segment: SegmentToKeep): Promise<{ readonly saving: Promise<SegmentMeta> }> {
    const { header, hash } = segment;
    if (this.#forgotten.has(segment)) throw this.#refuse(segment, 'its epoch was forgotten');
    const folder = this.#folder(segment);
    if (header.first + header.count <= folder.first) throw this.#refuse(segment, `first is ${folder.first}`);
    while (this.#saves.size >= this.#options.limits.savesMax) await Promise.race(this.#saves);
    const known = folder.meta(header.seg);
    if (known?.hash === hash) {
      this.#counters.add('segmentsKnown');
      return { saving: Promise.resolve(known) };
    }
    return { saving: this.#track(this.#save(folder, segment)) };
  }

  async #save(folder: CopyFolder, segment: SegmentToKeep): Promise<SegmentMeta> {
    const meta = await folder.keep(segment).catch((error) => this.#countError(error));
    this.#counters.add('segmentsKept');
    this.#inbox.drop(segment, (s) => s >= meta.first && s < meta.first + meta.count);
    return meta;
  }

  #track<T>(saving: Promise<T>): Promise<T> {
    const settled = saving.then(
      () => {},
      () => {},
    );
    this.#saves.add(settled);
    void settled.then(() => this.#saves.delete(settled));
    return saving;
  }

  async #settleSaves(): Promise<void> {
    await Promise.all(this.#saves);
  }

  async #rewriteInbox(): Promise<void> {
    await this.#settleSaves();
    await this.#inbox.rewrite();
    this.#counters.add('inboxRewrites');
  }

  #folder(log: ForgottenEpoch): CopyFolder {
    const known = this.#folders.get(keyOf(log));
    if (known !== undefined) return known;
    const { epochsMax } = this.#options.limits;
    if (this.#folders.size >= epochsMax) throw this.#refuse(log, `${epochsMax} epochs are kept already`);
    const made = this.#makeFolder(log);
    this.#folders.set(keyOf(log), made);
    return made;
  }

  #makeFolder({ node, epoch }: ForgottenEpoch): CopyFolder {
    const { dir, disk } = this.#options;
    return new CopyFolder({ node, epoch, path: join(dir, 'copies', node, epoch), disk, shelf: this.#shelf });
  }

  #refuse(log: ForgottenEpoch, message: string): OperationError {
    this.#counters.add('refusals');
    return refusal('keep segment', keyOf(log), message);
  }

  // A disk that is full must be able to learn what it may give up: these few bytes take the place of the spare.
  async #withSpare<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isFull = ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(error) ?? '');
      if (!isFull || !this.#hasSpare) throw error;
      this.#hasSpare = false;
      this.#counters.add('spareUsed');
      await this.#options.disk.remove(this.#sparePath);
      const done = await work();
      await this.#layInSpare();
      return done;
    }
  }

  get #sparePath(): string {
    return join(this.#options.dir, 'spare');
  }

  async #layInSpare(): Promise<void> {
    if (this.#hasSpare) return;
    const { disk, dir, limits } = this.#options;
    this.#hasSpare = (await disk.list(dir)).includes('spare');
    if (this.#hasSpare) return;
    await disk.replace(this.#sparePath, Buffer.alloc(limits.spareBytes)).then(
      () => {
        this.#hasSpare = true;
      },
      () => {},
    );
  }

  #noteRot(rot: CopyRot): void {
    this.#counters.add('rotten');
    this.#options.log.error('a copy is damaged', { ...rot, hint: 'it is asked for again; is the card failing?' });
  }

  #noteLeftOver({ path }: CopyFolder, error: unknown): void {
    this.#options.log.warn('forgotten epoch not removed', { path, error: messageOf(error) });
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work).catch((error) => this.#countError(error));
    this.#work = done.catch(() => {});
    return done;
  }

  #countError(error: unknown): never {
    if (systemCodeOf(error) !== undefined && !(error instanceof OperationError)) this.#counters.add('diskErrors');
    throw error;
  }

  #unreadable(cause: unknown): OperationError {
    const isFull = ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(cause) ?? '');
    return new OperationError({
      code: isFull ? 'disk-full' : 'state-unwritable',
      op: 'open copies in',
      subject: this.#options.dir,
      message: messageOf(cause),
      hint: isFull ? 'free some space' : 'check the owner and mode of the state folder, and that its disk is writable',
      cause,
    });
  }
}

function keyOf({ node, epoch }: ForgottenEpoch): string {
  return `${node}/${epoch}`;
}

// They become names of folders.
function checkLog({ node, epoch }: ForgottenEpoch): void {
  if (Id.safeParse(node).success && Epoch.safeParse(epoch).success) return;
  throw new OperationError({ code: 'record-invalid', op: 'keep', subject: keyOf({ node, epoch }), message: 'no log' });
}

function checkLine({ node, epoch, s, text }: CopyLine): void {
  checkLog({ node, epoch });
  const subject = `${node}/${epoch}/${s}`;
  const invalid = (message: string) =>
    new OperationError({ code: 'record-invalid', op: 'keep line', subject, message });
  if (!Number.isSafeInteger(s) || s < 1) throw invalid('seq must be an integer from 1');
  if (text.includes('\n')) throw invalid('a line end inside it');
  const bytes = Buffer.byteLength(text);
  if (bytes > RECORD_LINE_BYTES_MAX) throw invalid(`${bytes} bytes, allowed ${RECORD_LINE_BYTES_MAX}`);
}

function refusal(op: string, subject: string, message: string): OperationError {
  return new OperationError({ code: 'refused', op, subject, message });
}

function absent(node: string, epoch: string, n: number): Error {
  return Object.assign(new Error(`ENOENT: no segment ${n} of ${node}/${epoch}`), { code: 'ENOENT' });
}

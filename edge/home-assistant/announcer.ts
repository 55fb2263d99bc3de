import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { RetainedDocuments } from '../../base/link/retained-documents.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import { AnnouncedFile } from './announced-file.js';
import { type Announced, buildDeviceMessage } from './device-message.js';
import type { HassSubject } from './hass-subject.js';

export type AnnouncerOptions = {
  readonly node: string;
  readonly stateDir: string;
  /** False: not configured. What an earlier life announced is then removed, and nobody is listened to. */
  readonly isOn: boolean;
  readonly link: Link;
  readonly documents: RetainedDocuments;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Home Assistant comes up busy, and every device hears its birth at once: each waits up to this long. */
const BIRTH_JITTER_MS = 10_000;

/** Announces a node to Home Assistant: at its start, to a broker that lost it, and when Home Assistant is born. */
export class HassAnnouncer {
  readonly #options: AnnouncerOptions;
  readonly #file: AnnouncedFile;
  readonly #counters = new Counters(['entitiesOmitted', 'removalsForgotten', 'announcedNotKept'] as const);
  #before: Announced = new Map();
  #writing: Promise<void> = Promise.resolve();
  #isOpen = false;
  #isRemoving = false;
  #subject: HassSubject | undefined;
  #unsubscribe: (() => void) | undefined;
  #cancelBirth: (() => void) | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#file = new AnnouncedFile(options.stateDir);
  }

  async open(): Promise<void> {
    const { isOn, link, documents, node } = this.#options;
    this.#before = await this.#file.read();
    this.#isOpen = true;
    if (isOn) {
      this.#unsubscribe = link.subscribe(routes.hassStatus, {}, ({ payload }) => {
        if (payload === 'online') this.#onBirth();
      });
      this.#announce();
    } else if (this.#before.size > 0) {
      documents.clear(routes.hassDevice, { node });
      this.#isRemoving = true;
    }
  }

  /** There is this to tell of the node now. */
  tell(subject: HassSubject): void {
    this.#subject = subject;
    this.#announce();
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  async close(): Promise<void> {
    this.#unsubscribe?.();
    this.#cancelBirth?.();
    // Until a broker has taken the removal, the next life tries it again.
    if (this.#isRemoving && this.#options.documents.unconfirmed === 0) await this.#keep(new Map());
    await this.#writing;
  }

  #announce(): void {
    const { documents, node, log, isOn } = this.#options;
    if (!isOn || !this.#isOpen || this.#subject === undefined) return;
    const { message, announced, omitted, forgotten } = buildDeviceMessage(this.#subject, this.#before);
    // The message is told again now and then: what it leaves out counts once.
    const more = omitted - this.#counters.get('entitiesOmitted');
    if (more > 0) {
      this.#counters.add('entitiesOmitted', more);
      log.warn('not all entities fit into the message to Home Assistant', { omitted });
    }
    this.#counters.add('removalsForgotten', forgotten);
    documents.set(routes.hassDevice, { node }, message);
    void this.#keep(announced);
  }

  // The announcement comes before the states: what it has not heard of is not subscribed to.
  #onBirth(): void {
    const { clock, random, documents, log } = this.#options;
    if (this.#cancelBirth !== undefined) return;
    log.info('Home Assistant is born, announcing again');
    this.#cancelBirth = clock.after(random.next() * BIRTH_JITTER_MS, () => {
      this.#cancelBirth = undefined;
      this.#announce();
      documents.republishAll();
    });
  }

  async #keep(announced: Announced): Promise<void> {
    if (isSame(announced, this.#before)) return;
    this.#before = announced;
    this.#writing = this.#writing.then(async () => {
      try {
        await this.#file.write(announced);
      } catch (error) {
        this.#counters.add('announcedNotKept');
        this.#options.log.warn('what was announced to Home Assistant is not kept on disk', { error: messageOf(error) });
      }
    });
    await this.#writing;
  }
}

function isSame(a: Announced, b: Announced): boolean {
  return a.size === b.size && [...a].every(([key, platform]) => b.get(key) === platform);
}

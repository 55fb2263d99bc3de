import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { SideLinks } from '../../base/link/side-links.js';
import type { Log } from '../../base/log.js';
import { routes } from '../../protocol/routes.js';
import { sealSegment } from '../records/segment.js';
import type { Answerer } from './answerer.js';
import type { ReplicaEffect, ReplicaEvent } from './core/effects.js';
import type { LogFiles } from './log-files.js';
import type { Reach } from './reach.js';
import type { ReplicaEars } from './replica-ears.js';
import type { CopyStore } from './store/copy-store.js';

export type ReplicaHandsOptions = {
  readonly node: string;
  readonly link: Link;
  readonly bulk: Link;
  readonly sides: SideLinks | undefined;
  readonly reach: Reach;
  readonly store: CopyStore;
  readonly files: LogFiles;
  readonly answerer: Answerer;
  readonly ears: ReplicaEars;
  readonly hear: (event: ReplicaEvent) => void;
  readonly tell: (effect: Extract<ReplicaEffect, { type: 'tell' }>) => void;
  /** Gives up what lies below a seq of an own epoch. */
  readonly expireOwn: (epoch: string, first: number) => Promise<void>;
  readonly log: Log;
};

/** Carries out a replica's effects, in order, and tells it how they went. The store keeps their order; nothing waits here. */
export class ReplicaHands {
  readonly #options: ReplicaHandsOptions;
  readonly #counters = new Counters(['sends', 'sendFailures', 'storeFailures'] as const);
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ReplicaHandsOptions) {
    this.#options = options;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  get writesUnderWay(): number {
    return this.#underWay.size;
  }

  /** Resolves when what was begun is done. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  putAside(node: string, epoch: string, n: number, reason: string): void {
    this.#write(this.#options.store.putAside(node, epoch, n, reason));
  }

  do(effect: ReplicaEffect): void {
    switch (effect.type) {
      case 'append':
      case 'sync':
      case 'saveHead':
      case 'saveSegment':
      case 'putAside':
      case 'expire':
      case 'forget':
        this.#store(effect);
        return;
      case 'page':
        this.#options.ears.page(effect.node, effect.epoch);
        return;
      case 'unpage':
        this.#options.ears.unpage();
        return;
      case 'pageKept':
        this.#options.ears.pageKept(effect.node);
        return;
      case 'unpageKept':
        this.#options.ears.unpageKept(effect.node);
        return;
      case 'tell':
        this.#options.tell(effect);
        return;
      case 'expireOwn':
        this.#write(this.#options.expireOwn(effect.epoch, effect.first));
        return;
      case 'serve':
        void this.#options.answerer
          .serve(effect)
          .then(() => this.#options.hear({ type: 'served', id: effect.need.id }));
        return;
      case 'hash':
        void this.#hash(effect);
        return;
      case 'keepSegment':
        void this.#keepSegment(effect);
        return;
      default:
        this.#say(effect);
    }
  }

  #store(effect: Extract<ReplicaEffect, { type: StoreEffect }>): void {
    const { store, hear } = this.#options;
    switch (effect.type) {
      case 'append':
        this.#write(
          store.append(effect.lines),
          () => {},
          () => hear({ type: 'appendFailed', lines: effect.lines }),
        );
        return;
      case 'sync': {
        const synced = (ok: boolean) => hear({ type: 'synced', mark: effect.mark, ok });
        this.#write(
          store.sync(),
          () => synced(true),
          () => synced(false),
        );
        return;
      }
      case 'saveHead':
        this.#write(store.saveHead(effect.head));
        return;
      case 'saveSegment': {
        const { node, epoch, header } = effect.segment;
        this.#write(
          store.saveSegment(effect.segment),
          (meta) => hear({ type: 'segmentSaved', node, epoch, meta }),
          () => hear({ type: 'segmentFailed', node, epoch, n: header.seg }),
        );
        return;
      }
      case 'putAside':
        this.putAside(effect.node, effect.epoch, effect.n, effect.reason);
        return;
      case 'expire': {
        const { node, epoch, first } = effect;
        this.#write(
          store.expire(node, epoch, first),
          () => {},
          () => hear({ type: 'expireFailed', node, epoch }),
        );
        return;
      }
      case 'forget':
        this.#write(store.forget(effect.node, effect.epoch));
    }
  }

  #write<T>(work: Promise<T>, onDone: (result: T) => void = () => {}, onFailed: () => void = () => {}): void {
    const settled = work.then(onDone, (error) => {
      this.#counters.add('storeFailures');
      this.#options.log.debug('copies not written', { error: messageOf(error) });
      onFailed();
    });
    this.#underWay.add(settled);
    void settled.finally(() => this.#underWay.delete(settled));
  }

  #say(effect: Extract<ReplicaEffect, { type: WireEffect }>): void {
    const { node, link, bulk, sides, reach, hear } = this.#options;
    switch (effect.type) {
      case 'need': {
        const sent = reach.linkTo(effect.to).publish(routes.need, { recipient: effect.to, sender: node }, effect.need);
        this.#send(sent, () => hear({ type: 'needFailed', id: effect.need.id }));
        return;
      }
      case 'frontier':
        this.#send(link.publish(routes.frontier, { node }, effect.frontier));
        // Who is at another broker learns there that its records are held, and what it may ask for.
        if (sides !== undefined && reach.hasStrangers())
          this.#send(sides.publish(routes.frontier, { node }, effect.frontier));
        return;
      case 'poll':
        this.#send(reach.linkTo(effect.to).publish(routes.poll, { recipient: effect.to, sender: node }, effect.poll));
        return;
      case 'vote':
        this.#send(reach.linkTo(effect.to).publish(routes.vote, { recipient: effect.to, sender: node }, effect.vote));
        return;
      case 'keepHead':
        this.#send(bulk.publish(routes.keptHead, { node, other: effect.node }, effect.head));
        return;
      case 'unkeepHead':
        this.#send(bulk.publishEmpty(routes.keptHead, { node, other: effect.node }));
        return;
      case 'unkeepSegment':
        this.#send(bulk.publishEmpty(routes.keptSegment, this.#keptTopic(effect)));
    }
  }

  async #keepSegment(effect: Extract<ReplicaEffect, { type: 'keepSegment' }>): Promise<void> {
    const segment = await this.#options.files.readSegment(effect.node, effect.epoch, effect.n);
    if (segment === undefined || segment === 'rot') return;
    const { gz } = await sealSegment(segment.header, segment.lines);
    this.#send(this.#options.bulk.publish(routes.keptSegment, this.#keptTopic(effect), gz));
  }

  #keptTopic({ node: other, epoch, n }: { readonly node: string; readonly epoch: string; readonly n: number }) {
    return { node: this.#options.node, other, epoch, n: String(n).padStart(8, '0') };
  }

  async #hash({ poll, replyTo }: Extract<ReplicaEffect, { type: 'hash' }>): Promise<void> {
    const h = await this.#options.answerer.hash(poll);
    this.#options.hear({ type: 'hashed', id: poll.id, h, ...(replyTo === undefined ? {} : { replyTo }) });
  }

  // Nothing here is queued: what a broken link lost is said again by its own rules.
  #send(sent: Promise<void>, onFailed: () => void = () => {}): void {
    this.#counters.add('sends');
    sent.catch((error) => {
      this.#counters.add('sendFailures');
      this.#options.log.debug('not sent', { error: messageOf(error) });
      onFailed();
    });
  }
}

type StoreEffect = 'append' | 'sync' | 'saveHead' | 'saveSegment' | 'putAside' | 'expire' | 'forget';
type WireEffect = 'need' | 'frontier' | 'poll' | 'vote' | 'keepHead' | 'unkeepHead' | 'unkeepSegment';

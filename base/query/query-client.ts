import { randomBytes } from 'node:crypto';
import type { QuerySpec } from '../../protocol/query.js';
import { routes } from '../../protocol/routes.js';
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Link } from '../link/link.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';
import { doubtfulOf, doubtQuestions, doubtsIn, modelQuestions, spansOf } from './doubtful.js';
import { FleetKnowledge } from './fleet-knowledge.js';
import { QueryCoordinator, type QueryResult, type QueryToSend } from './query-coordinator.js';
import { type AskLimits, DEFAULT_ASK_LIMITS } from './query-limits.js';
import type { QueryMode } from './query-scope.js';
import { SessionToken } from './session-token.js';

export type QueryClientOptions = {
  readonly link: Link;
  /** Identity that answers are sent to: the user name, whatever the client id. */
  readonly me: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<AskLimits>;
};

/** What is asked, and how sure and how new the answer is to be. */
export type QueryRequest = {
  readonly spec: QuerySpec;
  /** `normal` unless told. */
  readonly mode?: QueryMode;
  /** Replicas that are to agree; 2 unless told. */
  readonly replicas?: number | 'all';
  /** Replicas are to read their files again before they answer; only where they differ unless told. */
  readonly verify?: boolean;
  /** What the reader has seen; nothing unless told. */
  readonly token?: SessionToken;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
};

/** How often deadlines are looked at: a tenth of the time to a hedge. */
const LOOK_MS = 25;
/**
 * MQTT 3.1.1 has no end-of-retained mark: that at so many looks in a row nothing had come is taken for it, 150 ms. Looks and
 * not time: a process that had to wait for a processor has heard nothing for long, and what came lies unread.
 */
const QUIET_LOOKS = 6;
/** Longest wait for it, and for a first message on a site that has none: 2 s. */
const SETTLE_LOOKS_MAX = 80;
/** Longest wait for a broker to answer the subscriptions. */
const SUBSCRIBE_MAX_MS = 10_000;

/** Asks the replicas of a fleet over a Link. Open it before the Link is up. */
export class QueryClient {
  readonly #options: QueryClientOptions;
  readonly #limits: AskLimits;
  readonly #knowledge = new FleetKnowledge();
  readonly #asking = new Set<Asking>();
  #stops: (() => void)[] = [];
  /** Messages that told of the fleet. */
  #heard = 0;

  constructor(options: QueryClientOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_ASK_LIMITS, ...options.limits };
  }

  open(): void {
    const { link, me } = this.#options;
    const heard = (apply: () => void) => {
      this.#heard++;
      apply();
    };
    const knowledge = this.#knowledge;
    this.#stops = [
      link.subscribe(routes.head, {}, ({ params, payload }) =>
        heard(() => {
          if (payload.node === params.node) knowledge.applyHead(payload);
        }),
      ),
      link.subscribe(routes.keptHead, {}, ({ params, payload }) =>
        heard(() => {
          if (payload.node === params.other) knowledge.applyHead(payload);
        }),
      ),
      link.subscribe(routes.replica, {}, ({ params, payload }) =>
        heard(() => knowledge.applyReplica(params.node, payload)),
      ),
      link.subscribe(
        routes.claims,
        {},
        ({ params, payload }) => heard(() => knowledge.applyClaims(params.node, payload)),
        ({ params }) => knowledge.applyClaims(params.node, undefined),
      ),
      link.subscribe(routes.info, {}, ({ params, payload }) => heard(() => knowledge.applyInfo(params.node, payload))),
      link.subscribe(
        routes.status,
        {},
        ({ params, payload }) => heard(() => knowledge.applyStatus(params.node, payload)),
        ({ params }) => knowledge.forget(params.node),
      ),
      link.subscribe(routes.answer, { recipient: me }, ({ params, payload, retained }) => {
        if (!retained) for (const asking of this.#asking) asking.take(params.sender, payload);
      }),
    ];
  }

  /** What is known of the fleet so far. */
  get knowledge(): FleetKnowledge {
    return this.#knowledge;
  }

  /** Waits until what the broker has retained of the fleet has most likely arrived. */
  async settle(signal: AbortSignal): Promise<void> {
    const { clock, link } = this.#options;
    while (!link.isUp) await clock.sleep(LOOK_MS, signal);
    const untilMonoMs = clock.monoMs() + SUBSCRIBE_MAX_MS;
    while (link.isSubscribing && clock.monoMs() < untilMonoMs) await clock.sleep(LOOK_MS, signal);
    let quiet = 0;
    for (let look = 0; quiet < QUIET_LOOKS && look < SETTLE_LOOKS_MAX; look++) {
      const before = this.#heard;
      await clock.sleep(LOOK_MS, signal);
      quiet = this.#heard > 0 && this.#heard === before ? quiet + 1 : 0;
    }
  }

  /**
   * Asks, and gives the best answer that came until the deadline, with what of it is doubtful. A fleet that does not answer
   * gives a result that says so.
   */
  async ask(request: QueryRequest, signal: AbortSignal): Promise<QueryResult> {
    const result = await this.#askOnce(request, signal);
    const nodes = doubtsIn(result, this.#knowledge.doubts());
    if (nodes.length === 0) return result;
    // Over the very cut of the answer: a part of it is never more than the whole.
    const { onProgress: _, verify: __, ...same } = request;
    const askAll = (specs: readonly QuerySpec[]) =>
      Promise.all(specs.map((spec) => this.#askOnce({ ...same, spec, mode: 'fast', token: result.token }, signal)));
    const lives = await askAll(modelQuestions(nodes));
    const parts = await askAll(doubtQuestions(request.spec, spansOf(nodes, lives)));
    return { ...result, doubtful: doubtfulOf(result, nodes, lives, parts) };
  }

  async #askOnce(request: QueryRequest, signal: AbortSignal): Promise<QueryResult> {
    const { clock, random } = this.#options;
    const coordinator = new QueryCoordinator(
      {
        spec: request.spec,
        mode: request.mode ?? 'normal',
        replicas: request.replicas ?? 2,
        token: request.token ?? new SessionToken(),
        knowledge: this.#knowledge,
        limits: this.#limits,
        verify: request.verify ?? false,
        random: () => random.next(),
        makeId: () => randomBytes(9).toString('base64url'),
      },
      clock.monoMs(),
    );
    const asking = new Asking(coordinator, this.#options);
    this.#asking.add(asking);
    try {
      asking.begin();
      while (!asking.isDone) {
        request.onProgress?.(coordinator.progress());
        await clock.sleep(LOOK_MS, AbortSignal.any([signal, asking.done])).catch(() => signal.throwIfAborted());
        asking.tick();
      }
      return coordinator.result();
    } finally {
      this.#asking.delete(asking);
    }
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }
}

/** A coordinator and what carries out what it says. */
class Asking {
  readonly #coordinator: QueryCoordinator;
  readonly #options: QueryClientOptions;
  readonly #done = new AbortController();

  constructor(coordinator: QueryCoordinator, options: QueryClientOptions) {
    this.#coordinator = coordinator;
    this.#options = options;
  }

  /** Aborts when the answer is there. */
  get done(): AbortSignal {
    return this.#done.signal;
  }

  get isDone(): boolean {
    return this.#coordinator.isDone(this.#nowMonoMs());
  }

  begin(): void {
    this.#send(this.#coordinator.begin(this.#nowMonoMs()));
  }

  take(replica: string, answer: Parameters<QueryCoordinator['applyAnswer']>[1]): void {
    this.#send(this.#coordinator.applyAnswer(replica, answer, this.#nowMonoMs()));
    if (this.isDone) this.#done.abort();
  }

  tick(): void {
    this.#send(this.#coordinator.tick(this.#nowMonoMs()));
  }

  #send(queries: readonly QueryToSend[]): void {
    for (const query of queries) void this.#sendOne(query);
  }

  async #sendOne({ replica, query }: QueryToSend): Promise<void> {
    const { link, me, log } = this.#options;
    try {
      await link.publish(routes.query, { recipient: replica, sender: me }, query);
    } catch (error) {
      log.debug('query not sent', { replica, error: messageOf(error) });
      this.#send(this.#coordinator.sendFailed(query.id, messageOf(error), this.#nowMonoMs()));
    }
  }

  #nowMonoMs(): number {
    return this.#options.clock.monoMs();
  }
}

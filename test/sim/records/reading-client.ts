import { FleetKnowledge } from '../../../base/query/fleet-knowledge.js';
import { QueryCoordinator, type QueryResult, type QueryToSend } from '../../../base/query/query-coordinator.js';
import { DEFAULT_ASK_LIMITS } from '../../../base/query/query-limits.js';
import type { QueryMode } from '../../../base/query/query-scope.js';
import { SessionToken } from '../../../base/query/session-token.js';
import type { Random } from '../../../base/random.js';
import { decodePayload } from '../../../protocol/codec.js';
import { type QueryFilter, QuerySpec } from '../../../protocol/query.js';
import type { Head } from '../../../protocol/record.js';
import type { ReplicaState } from '../../../protocol/replica.js';
import { routes } from '../../../protocol/routes.js';
import type { DeliveredMessage } from '../kernel/mqtt-message.js';
import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedLink } from '../kernel/simulated-link.js';

/** What a reader takes from one life of its program into the next. */
export type ReaderMemory = { token: SessionToken };

/** One question of a reader and what it got. */
export type Reading = {
  readonly spec: QuerySpec;
  /** What it had seen when it asked. */
  readonly token: SessionToken;
  readonly result: QueryResult;
};

export type ReadingClientOptions = {
  readonly brokers: readonly [string, ...string[]];
  readonly memory: ReaderMemory;
  readonly onReading: (reading: Reading) => void;
  readonly without: ReadonlySet<string>;
};

export const READER = 'reader';
const ASK_MS = [2_000, 9_000] as const;
const TICK_MS = 50;
/** Until then what the broker has retained is still arriving. */
const SETTLE_MS = 500;

/** Asks the fleet one question after the other, as `base/query` does over a real link, and keeps its token. */
export class ReadingClient {
  readonly #env: ProgramEnv;
  readonly #options: ReadingClientOptions;
  readonly #link: SimulatedLink;
  readonly #random: Random;
  readonly #knowledge = new FleetKnowledge();
  #asking: { readonly coordinator: QueryCoordinator; readonly spec: QuerySpec } | undefined;
  #notBeforeMonoMs = 0;
  #ids = 0;

  constructor(env: ProgramEnv, options: ReadingClientOptions) {
    this.#env = env;
    this.#options = options;
    this.#random = env.random.fork('questions');
    this.#link = env.link({ clientId: READER, brokers: options.brokers, failbackAfterMs: 20_000 });
    this.#listen();
    this.#link.onUp(() => {
      this.#notBeforeMonoMs = env.clock.monoMs() + SETTLE_MS;
    });
    this.#link.open();
    env.clock.every(TICK_MS, () => this.#tick());
  }

  #listen(): void {
    const on = (filter: string, take: (of: string, message: DeliveredMessage, levels: readonly string[]) => void) =>
      this.#link.subscribe(filter, 1, (message) => {
        const levels = message.topic.split('/');
        if (message.payload !== undefined) take(levels[1] ?? '', message, levels);
      });
    // Signed with what stands for a key here; who holds the key of a node is not what these histories are about.
    const onHead = (payload: unknown) => {
      const { key: _, ...head } = as<Head>(payload);
      this.#knowledge.applyHead(head);
    };
    on('log/+/head', (_, { payload }) => onHead(payload));
    on('kept/+/+/head', (_, { payload }) => onHead(payload));
    on('replica/+', (of, { payload }) => this.#knowledge.applyReplica(of, as<ReplicaState>(payload)));
    on('status/+', (of, { payload }) => {
      const state = as<{ state: string }>(payload).state === 'online' ? 'online' : 'lost';
      this.#knowledge.applyStatus(of, { v: 1, state, gen: 1, sid: 's', inv: 'i', boot: 'b', version: '0' });
    });
    on(`to/${READER}/answer/+`, (_, { payload }, levels) => {
      const { coordinator } = this.#asking ?? {};
      const answer = decodePayload(routes.answer, as<Uint8Array>(payload));
      if (coordinator !== undefined) this.#send(coordinator.applyAnswer(levels[3] ?? '', answer, this.#nowMs()));
      this.#lookForEnd();
    });
  }

  #tick(): void {
    if (this.#asking !== undefined) {
      this.#send(this.#asking.coordinator.tick(this.#nowMs()));
      this.#lookForEnd();
    } else if (this.#link.isUp && this.#nowMs() >= this.#notBeforeMonoMs) this.#ask();
  }

  #ask(): void {
    const { memory, without } = this.#options;
    const spec = drawSpec(this.#random, this.#knowledge.keepers(), this.#env.clock.nowMs());
    const mode: QueryMode = this.#random.chance(0.2) ? 'fast' : 'normal';
    const options = {
      ...{ spec, mode, knowledge: this.#knowledge, limits: DEFAULT_ASK_LIMITS },
      replicas: this.#random.pick([1, 2, 2, 2, 'all'] as const),
      token: without.has('the token is handed on') ? new SessionToken() : memory.token,
      random: () => this.#random.next(),
      makeId: () => `q${this.#env.random.int(2 ** 31).toString(36)}-${this.#ids++}`,
    };
    const coordinator = new QueryCoordinator(options, this.#nowMs());
    this.#asking = { coordinator, spec };
    this.#send(coordinator.begin(this.#nowMs()));
  }

  #send(queries: readonly QueryToSend[]): void {
    for (const { replica, query } of queries) {
      if (this.#link.publish(`to/${replica}/query/${READER}`, query, { bytes: 300 })) continue;
      const { coordinator } = this.#asking ?? {};
      if (coordinator !== undefined) this.#send(coordinator.sendFailed(query.id, 'the link is down', this.#nowMs()));
    }
  }

  #lookForEnd(): void {
    if (this.#asking === undefined || !this.#asking.coordinator.isDone(this.#nowMs())) return;
    const { coordinator, spec } = this.#asking;
    const { memory, onReading } = this.#options;
    this.#asking = undefined;
    this.#notBeforeMonoMs = this.#nowMs() + this.#random.range(...ASK_MS);
    const result = coordinator.result();
    onReading({ spec, token: memory.token, result });
    memory.token = memory.token.advance(result.token.positions());
  }

  #nowMs(): number {
    return this.#env.clock.monoMs();
  }
}

function drawSpec(random: Random, nodes: readonly string[], nowMs: number): QuerySpec {
  const filter: QueryFilter = {};
  if (nodes.length > 0 && random.chance(0.4)) filter.node = random.pick(nodes);
  if (random.chance(0.3)) filter.fromMs = nowMs - random.int(60_000);
  if (random.chance(0.1)) filter.toMs = nowMs - random.int(30_000);
  if (filter.fromMs !== undefined && filter.toMs !== undefined && filter.toMs < filter.fromMs) filter.toMs = nowMs;
  const shape = random.pick(['count', 'count', 'list', 'histogram'] as const);
  return QuerySpec.parse({ shape, filter, limit: random.pick([20, 10_000]), bucketMs: 60_000 });
}

// Payloads travel by reference between programs of these histories.
function as<T>(payload: unknown): T {
  return payload as T;
}

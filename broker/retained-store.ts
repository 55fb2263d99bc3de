import { matchTopic } from '../protocol/routes.js';
import type { BrokerLimits } from './config.js';

/** One retained message. Its payload is never changed; a new message replaces the whole. */
export type Retained = { readonly topic: string; readonly payload: Buffer; readonly qos: 0 | 1 };

/** What a change of the store was: `same` changes nothing, `full` is refused. */
export type Change = 'stored' | 'removed' | 'same' | 'full-broker' | 'full-writer';

export type RetainedLimits = Pick<
  BrokerLimits,
  'retainedTopics' | 'retainedBytes' | 'retainedTopicsPerWriter' | 'retainedBytesPerWriter'
>;

type Branch = { readonly children: Map<string, Branch>; message: Retained | undefined };
type Usage = { topics: number; bytes: number };

/** Bytes a retained message is charged with: its text and payload, and what the maps around it were measured to take. */
const OVERHEAD_BYTES = 300;

/**
 * The retained messages, in memory, by topic. An exact topic is one look-up and a filter walks the levels it names;
 * Aedes' own store looks at every retained message for every filter (34 ms at 100,000). Limited in all and per writer;
 * what is over a limit is refused, so that the newest cannot push out what others rely on.
 */
export class RetainedStore {
  readonly #root: string;
  readonly #limits: RetainedLimits;
  readonly #byTopic = new Map<string, Retained>();
  readonly #tree: Branch = newBranch();
  readonly #usageByWriter = new Map<string, Usage>();
  #bytes = 0;

  constructor(root: string, limits: RetainedLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  get topics(): number {
    return this.#byTopic.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(topic: string): Retained | undefined {
    return this.#byTopic.get(topic);
  }

  all(): IterableIterator<Retained> {
    return this.#byTopic.values();
  }

  /** Replaces, or with an empty payload removes, what is retained on a topic. Keeps a copy of the payload. */
  apply(message: Retained): Change {
    const before = this.#byTopic.get(message.topic);
    if (message.payload.byteLength === 0) return before === undefined ? 'same' : this.#remove(before);
    if (before !== undefined && before.qos === message.qos && before.payload.equals(message.payload)) return 'same';
    const writer = this.#writerOf(message.topic);
    const usage = this.#usageByWriter.get(writer) ?? { topics: 0, bytes: 0 };
    const growth = costOf(message) - (before === undefined ? 0 : costOf(before));
    const newTopics = before === undefined ? 1 : 0;
    const { retainedTopics, retainedBytes, retainedTopicsPerWriter, retainedBytesPerWriter } = this.#limits;
    // What shrinks or stays is always taken: a full store must not keep a node from saying that it stopped.
    if (growth > 0) {
      if (usage.topics + newTopics > retainedTopicsPerWriter || usage.bytes + growth > retainedBytesPerWriter) {
        return 'full-writer';
      }
      if (this.#byTopic.size + newTopics > retainedTopics || this.#bytes + growth > retainedBytes) return 'full-broker';
    }
    this.#usageByWriter.set(writer, { topics: usage.topics + newTopics, bytes: usage.bytes + growth });
    this.#bytes += growth;
    // A copy: the payload that came from a socket is a slice of a 64 KiB read, and would keep all of it.
    const kept: Retained = { topic: message.topic, qos: message.qos, payload: Buffer.from(message.payload) };
    this.#byTopic.set(kept.topic, kept);
    this.#plant(kept);
    return 'stored';
  }

  /** The retained messages a topic filter matches, found while they are asked for: each is as new as its own moment. */
  *match(filter: string): Generator<Retained> {
    if (!/[+#]/.test(filter)) {
      const message = this.#byTopic.get(filter);
      if (message !== undefined) yield message;
      return;
    }
    yield* walk(this.#tree, filter.split('/'), 0);
  }

  #remove(message: Retained): Change {
    const writer = this.#writerOf(message.topic);
    const usage = this.#usageByWriter.get(writer);
    if (usage !== undefined) {
      usage.topics--;
      usage.bytes -= costOf(message);
      if (usage.topics === 0) this.#usageByWriter.delete(writer);
    }
    this.#bytes -= costOf(message);
    this.#byTopic.delete(message.topic);
    uproot(this.#tree, message.topic.split('/'), 0);
    return 'removed';
  }

  #plant(message: Retained): void {
    let branch = this.#tree;
    for (const level of message.topic.split('/')) {
      let child = branch.children.get(level);
      if (child === undefined) {
        child = newBranch();
        branch.children.set(level, child);
      }
      branch = child;
    }
    branch.message = message;
  }

  // The writer is named in the topic, so it is the same for a message that was read back from the disk.
  #writerOf(topic: string): string {
    const matched = matchTopic(this.#root, topic);
    if (matched === undefined) return '';
    const { writer } = matched.route;
    return `${writer} ${matched.params[writer] ?? ''}`;
  }
}

function newBranch(): Branch {
  return { children: new Map(), message: undefined };
}

function costOf(message: Retained): number {
  return message.topic.length + message.payload.byteLength + OVERHEAD_BYTES;
}

function* walk(branch: Branch, filter: readonly string[], at: number): Generator<Retained> {
  const level = filter[at];
  if (level === undefined) {
    if (branch.message !== undefined) yield branch.message;
  } else if (level === '#') {
    // [MQTT-4.7.1-2]: `a/#` includes `a`.
    if (branch.message !== undefined) yield branch.message;
    for (const [name, child] of branch.children) if (at > 0 || !name.startsWith('$')) yield* walk(child, filter, at);
  } else if (level === '+') {
    for (const [name, child] of branch.children) {
      if (at > 0 || !name.startsWith('$')) yield* walk(child, filter, at + 1);
    }
  } else {
    const child = branch.children.get(level);
    if (child !== undefined) yield* walk(child, filter, at + 1);
  }
}

function uproot(branch: Branch, levels: readonly string[], at: number): void {
  const level = levels[at];
  if (level === undefined) {
    branch.message = undefined;
    return;
  }
  const child = branch.children.get(level);
  if (child === undefined) return;
  uproot(child, levels, at + 1);
  if (child.message === undefined && child.children.size === 0) branch.children.delete(level);
}

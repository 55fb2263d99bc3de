import { Transform } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { RetainedReplay } from '../../broker/retained-replay.js';
import type { Retained } from '../../broker/retained-store.js';

/** A sender that finishes its messages when it is told to. */
class SlowSender extends Transform {
  readonly taken: string[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor() {
    super({ objectMode: true });
  }

  override _transform(message: Retained, _encoding: string, done: () => void): void {
    this.taken.push(message.topic);
    this.#waiting.push(done);
  }

  get sending(): number {
    return this.#waiting.length;
  }

  finish(count: number): void {
    for (const done of this.#waiting.splice(0, count)) done();
  }
}

function* messages(count: number, bytes: number): Generator<Retained> {
  for (let i = 0; i < count; i++) yield { topic: `t/${i}`, payload: Buffer.alloc(bytes, 1), qos: 1 };
}

describe('the replay of retained messages', () => {
  it('sends all of them in order, and no more than 64 at a time', () => {
    const sender = new SlowSender();
    new RetainedReplay(messages(1000, 10)).pipe(sender);
    for (let most = 0; sender.sending > 0; ) {
      most = Math.max(most, sender.sending);
      expect(most).toBe(64);
      sender.finish(7);
    }
    expect(sender.taken).toEqual([...messages(1000, 0)].map(({ topic }) => topic));
  });

  it('has few large ones on their way', () => {
    const sender = new SlowSender();
    new RetainedReplay(messages(20, 100 * 1024)).pipe(sender);
    expect(sender.sending).toBe(3);
    sender.finish(1);
    expect(sender.sending).toBe(3);
    expect(sender.taken).toHaveLength(4);
  });

  it('looks the next one up when it is its turn, and waits for a reader that takes nothing', () => {
    let asked = 0;
    const counted = (function* () {
      for (const message of messages(1000, 10)) {
        asked++;
        yield message;
      }
    })();
    new RetainedReplay(counted).pipe(new SlowSender());
    expect(asked).toBe(64);
  });

  it('is not confused by a sender that is done at once', () => {
    const taken: string[] = [];
    const sender = new Transform({
      objectMode: true,
      transform(message: Retained, _encoding, done) {
        taken.push(message.topic);
        done();
      },
    });
    new RetainedReplay(messages(100_000, 1)).pipe(sender);
    expect(taken).toHaveLength(100_000);
  });
});

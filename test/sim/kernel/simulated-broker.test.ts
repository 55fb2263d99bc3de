import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BrokerManners, PLAIN_MANNERS } from './broker-manners.js';
import { type DeliveredMessage, matchesFilter } from './mqtt-message.js';
import type { ProgramEnv } from './simulated-board.js';
import type { SimulatedLink } from './simulated-link.js';
import { World } from './world.js';

type Client = { readonly link: SimulatedLink; readonly got: DeliveredMessage[]; readonly acks: boolean[] };

/** A program that keeps what it hears under its filters. */
const client =
  (filters: readonly string[], will?: string) =>
  (env: ProgramEnv): Client => {
    const link = env.link({
      clientId: env.node,
      brokers: ['a', 'b'],
      ...(will === undefined
        ? {}
        : { will: () => ({ topic: `will/${env.node}`, payload: will, qos: 1, retain: true }) }),
    });
    const got: DeliveredMessage[] = [];
    for (const filter of filters) link.subscribe(filter, 1, (message) => got.push(message));
    link.open();
    return { link, got, acks: [] };
  };

const WORST: BrokerManners = {
  ...PLAIN_MANNERS,
  lossQos0: 0.3,
  lossQos1: 0.1,
  duplicates: 0.3,
  lingerMs: 400,
  replayLingerMs: 800,
};

function openWorld(seed: number, manners: BrokerManners = PLAIN_MANNERS) {
  const world = new World<Client>({ seed });
  world.addBroker('a', manners);
  world.addBroker('b', manners);
  const start = (name: string, filters: readonly string[], will?: string): Client => {
    const board = world.addBoard(name, client(filters, will));
    board.start();
    return stateOf(world, name);
  };
  const run = (ms: number) => world.queue.runUntil(world.nowMs + ms);
  return { world, start, run };
}

function stateOf(world: World<Client>, name: string): Client {
  const state = world.boards.get(name)?.state;
  if (state === undefined) throw new Error(`${name} is not running`);
  return state;
}

const payloads = (messages: readonly DeliveredMessage[]) => messages.map(({ payload }) => payload);

describe('a simulated broker', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['+/b', 'a/b', true],
    ['#', '$SYS/x', false],
    ['a/b/c', 'a/b', false],
    ['+', 'a/b', false],
  ])('matches %s against %s: %s', (filter, topic, expected) => {
    expect(matchesFilter(filter, topic)).toBe(expected);
  });

  it('keeps the order of each publisher and topic, at worst with losses and duplicates, and of nothing else', () => {
    let overtakings = 0;
    for (let seed = 0; seed < 30; seed++) {
      const { start, run } = openWorld(seed, WORST);
      const reader = start('reader', ['t/#']);
      const writers = ['w1', 'w2'].map((name) => start(name, []));
      run(1_000);
      for (let n = 0; n < 100; n++) {
        for (const [w, writer] of writers.entries()) writer.link.publish(`t/${n % 2}`, { w, n });
        run(7);
      }
      run(5_000);
      const last = new Map<string, number>();
      let lastN = -1;
      for (const { topic, payload } of reader.got) {
        const { w, n } = JSON.parse(JSON.stringify(payload));
        expect(n).toBeGreaterThanOrEqual(last.get(`${w} ${topic}`) ?? 0);
        last.set(`${w} ${topic}`, n);
        if (n < lastN) overtakings++;
        lastN = n;
      }
      expect(reader.got.length).toBeGreaterThan(100);
    }
    expect(overtakings).toBeGreaterThan(100);
  });

  it('replays what is retained as retained, live messages as not, and forgets with an empty payload', () => {
    const { start, run } = openWorld(1);
    const writer = start('writer', []);
    run(500);
    writer.link.publish('r/1', 'one', { retain: true });
    writer.link.publish('r/2', 'two', { retain: true });
    writer.link.publish('r/2', undefined, { retain: true });
    run(500);
    const late = start('late', ['r/+']);
    run(500);
    expect(late.got).toEqual([expect.objectContaining({ topic: 'r/1', payload: 'one', retain: true })]);
    writer.link.publish('r/1', 'newer', { retain: true });
    run(500);
    expect(late.got.at(-1)).toMatchObject({ payload: 'newer', retain: false });
  });

  it('may replay a retained message after a newer live one of its topic (L10)', () => {
    let late = 0;
    for (let seed = 0; seed < 40; seed++) {
      const { start, run } = openWorld(seed, { ...PLAIN_MANNERS, replayLingerMs: 500 });
      const writer = start('writer', []);
      run(500);
      writer.link.publish('r', 1, { retain: true });
      const reader = start('reader', ['r']);
      for (let n = 2; n < 20; n++) {
        run(20);
        writer.link.publish('r', n, { retain: true });
      }
      run(2_000);
      const replayAt = reader.got.findIndex(({ retain }) => retain);
      const before = reader.got.slice(0, Math.max(0, replayAt)).map(({ payload }) => Number(payload));
      if (before.some((n) => n > Number(reader.got[replayAt]?.payload))) late++;
      expect(reader.got.some(({ payload }) => payload === 19)).toBe(true);
    }
    expect(late).toBeGreaterThan(10);
  });

  it('leaves out of a wildcard replay what is above its limit, without a word (L7)', () => {
    const { world, start, run } = openWorld(1, { ...PLAIN_MANNERS, replayMax: 10 });
    const writer = start('writer', []);
    run(500);
    for (let n = 0; n < 30; n++) writer.link.publish(`r/${n}`, n, { retain: true });
    run(500);
    const reader = start('reader', ['r/+']);
    const exact = start('exact', ['r/29']);
    run(500);
    expect(reader.got.length).toBe(10);
    expect(payloads(exact.got)).toEqual([29]);
    expect(world.brokers.get('a')?.counts.replayCut).toBe(20);
  });

  it('delivers nothing of the time a session was down', () => {
    const { world, start, run } = openWorld(2);
    const writer = start('writer', []);
    const reader = start('reader', ['t']);
    run(500);
    writer.link.publish('t', 1);
    run(100);
    world.network.cutBoth('reader', 'a');
    run(100);
    writer.link.publish('t', 2);
    run(30_000);
    expect(reader.link.broker).toBe('b');
    expect(reader.link.isUp).toBe(true);
    world.network.healAll();
    reader.link.reconnect();
    run(2_000);
    writer.link.publish('t', 3);
    run(500);
    expect(payloads(reader.got)).toEqual([1, 3]);
  });

  it('loses nothing in a short cut: what was sent arrives afterwards in its order', () => {
    const { world, start, run } = openWorld(3);
    const writer = start('writer', []);
    const reader = start('reader', ['t']);
    run(500);
    world.network.cut('a', 'reader');
    for (let n = 0; n < 20; n++) {
      writer.link.publish('t', n);
      run(100);
    }
    expect(reader.got).toEqual([]);
    world.network.healAll();
    writer.link.publish('t', 20);
    run(100);
    expect(payloads(reader.got)).toEqual(Array.from({ length: 21 }, (_, n) => n));
  });

  it('publishes a will after a crash at once, after a power cut at one and a half keep alives, never after a stop', () => {
    const { world, start, run } = openWorld(4);
    const reader = start('reader', ['will/+']);
    const stopping = start('stopping', [], 'gone');
    start('crashing', [], 'gone');
    start('unplugged', [], 'gone');
    run(500);
    stopping.link.close();
    world.boards.get('crashing')?.crash();
    world.boards.get('unplugged')?.powerCut(world.random.fork('cut'));
    run(1_000);
    expect(reader.got.map(({ topic }) => topic)).toEqual(['will/crashing']);
    run(13_000);
    expect(reader.got.length).toBe(1);
    run(5_000);
    expect(reader.got.map(({ topic }) => topic)).toEqual(['will/crashing', 'will/unplugged']);
  });

  it('ends the older of two sessions with one client identifier, with its will [MQTT-3.1.4-2]', () => {
    const { world, start, run } = openWorld(5);
    const reader = start('reader', ['will/+']);
    const first = start('twin', [], 'taken over');
    run(500);
    const clone = world.addBoard('twin-2', client([], 'taken over'), 'twin');
    clone.start();
    run(300);
    expect(reader.got.length).toBe(1);
    expect([first.link.isUp, clone.state?.link.isUp]).toEqual([false, true]);
    run(20_000);
    expect(reader.got.length).toBeGreaterThan(2);
  });

  it('acknowledges QoS 1, tells what stayed unacknowledged, and sends nothing while it is down', () => {
    const { world, start, run } = openWorld(6);
    const writer = start('writer', []);
    const acks: boolean[] = [];
    const publish = () => writer.link.publish('t', 1, { onAck: (isAcked) => acks.push(isAcked) });
    expect(publish()).toBe(false);
    run(500);
    expect(publish()).toBe(true);
    run(100);
    publish();
    world.brokers.get('a')?.crash();
    run(100);
    expect(acks).toEqual([true, false]);
    expect(writer.link.isUp).toBe(false);
  });

  it('loses its retained messages when wiped, keeps them over a crash, and gets old ones back from an image', () => {
    const { world, start, run } = openWorld(7);
    const broker = world.brokers.get('a');
    const writer = start('writer', []);
    run(500);
    writer.link.publish('r', 'old', { retain: true });
    run(100);
    const image = broker?.image() ?? new Map();
    writer.link.publish('r', 'new', { retain: true });
    run(100);
    broker?.crash();
    broker?.start();
    expect(broker?.retained.get('r')?.payload).toBe('new');
    broker?.restore(image);
    expect(broker?.retained.get('r')?.payload).toBe('old');
    broker?.wipe();
    expect(broker?.retained.size).toBe(0);
    expect(broker?.life).toBe(2);
  });

  it('drops what a slow subscriber cannot take, or the subscriber, and nobody else is held up', () => {
    for (const whenFull of ['drop', 'kick'] as const) {
      const { world, start, run } = openWorld(8, { ...PLAIN_MANNERS, queueMax: 50, whenFull });
      const writer = start('writer', []);
      const slow = start('slow', ['t']);
      const quick = start('quick', ['t']);
      run(500);
      world.network.setServiceMs('slow', 500);
      for (let n = 0; n < 500; n++) {
        writer.link.publish('t', n);
        run(10);
      }
      expect(quick.got.length).toBeGreaterThan(495);
      expect(slow.got.length).toBeLessThan(20);
      expect(world.brokers.get('a')?.counts.overflowed).toBeGreaterThan(0);
    }
  });

  it('gives a subscriber that is not slow any more at once what waited for it, in order', () => {
    const { world, start, run } = openWorld(10);
    const writer = start('writer', []);
    const slow = start('slow', ['t']);
    run(500);
    world.network.setServiceMs('slow', 1_000);
    for (let n = 0; n < 60; n++) {
      writer.link.publish('t', n);
      run(10);
    }
    expect(slow.got.length).toBeLessThan(10);
    world.network.setServiceMs('slow', undefined);
    run(50);
    writer.link.publish('t', 60);
    run(50);
    expect(payloads(slow.got)).toEqual(Array.from({ length: 61 }, (_, n) => n));
  });

  it('has its own manners again when all that changed them is over, in whatever order that ends', () => {
    const broker = openWorld(1).world.brokers.get('a');
    const one = broker?.changeManners({ replayMax: 3 });
    const other = broker?.changeManners({ replayMax: 10, lingerMs: 100 });
    expect(broker?.manners).toMatchObject({ replayMax: 10, lingerMs: 100 });
    one?.();
    expect(broker?.manners).toMatchObject({ replayMax: 10, lingerMs: 100 });
    other?.();
    expect(broker?.manners).toEqual(PLAIN_MANNERS);
  });

  it('holds everything while it stalls and goes on where it was', () => {
    const { world, start, run } = openWorld(9);
    const writer = start('writer', []);
    const reader = start('reader', ['t']);
    run(500);
    world.brokers.get('a')?.stall(3_000);
    writer.link.publish('t', 1);
    run(2_000);
    expect(reader.got).toEqual([]);
    run(2_000);
    expect(payloads(reader.got)).toEqual([1]);
    expect(writer.link.isUp).toBe(true);
  });

  it('does the same for the same seed', () => {
    const trace = (seed: number) => {
      const { start, run } = openWorld(seed, WORST);
      const reader = start('reader', ['#']);
      const writer = start('writer', []);
      run(500);
      for (let n = 0; n < 200; n++) {
        writer.link.publish(`t/${n % 5}`, n, { retain: n % 3 === 0 });
        run(13);
      }
      return reader.got.map(({ topic, payload, dup }) => `${topic} ${payload} ${dup}`);
    };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(trace(seed)).toEqual(trace(seed));
      }),
      { numRuns: 5 },
    );
    expect(trace(1)).not.toEqual(trace(2));
  });
});

describe('a simulated process', () => {
  it('handles at its thaw what came while it was frozen, and loses its session when frozen too long', () => {
    const { world, start, run } = openWorld(10);
    const writer = start('writer', []);
    const reader = start('reader', ['t']);
    run(500);
    world.boards.get('reader')?.freeze();
    writer.link.publish('t', 1);
    run(3_000);
    expect(reader.got).toEqual([]);
    world.boards.get('reader')?.thaw();
    expect(payloads(reader.got)).toEqual([1]);
    world.boards.get('reader')?.freeze();
    run(60_000);
    expect(world.brokers.get('a')?.isConnected('reader')).toBe(false);
    world.boards.get('reader')?.thaw();
    run(5_000);
    expect(reader.link.isUp).toBe(true);
  });

  it('has a monotonic clock from its own start, whatever the wall clock of the board does', () => {
    const world = new World<{ mono: () => number; wall: () => number; ticks: number[] }>({ seed: 1 });
    const board = world.addBoard('n', (env) => {
      const ticks: number[] = [];
      env.clock.every(100, () => ticks.push(env.clock.monoMs()));
      return { mono: () => env.clock.monoMs(), wall: () => env.clock.nowMs(), ticks };
    });
    world.queue.runUntil(1_000);
    board.start();
    const wallMs = board.state?.wall() ?? 0;
    board.wall.jump(-3_600_000);
    world.queue.runUntil(1_350);
    expect(board.state?.mono()).toBe(350);
    expect(board.state?.ticks).toEqual([100, 200, 300]);
    expect((board.state?.wall() ?? 0) - wallMs).toBe(350 - 3_600_000);
    const { ticks } = board.state ?? { ticks: [] };
    board.crash();
    world.queue.runUntil(5_000);
    expect(ticks.length).toBe(3);
    board.start();
    expect(board.state?.mono()).toBe(0);
  });

  it('ends when it throws, and the world is told', () => {
    const world = new World<undefined>({ seed: 1 });
    const board = world.addBoard('n', (env) => {
      env.clock.after(10, () => {
        throw new Error('a broken invariant');
      });
      return undefined;
    });
    board.start();
    world.queue.runUntil(100);
    expect(board.isAlive).toBe(false);
    expect(world.faults).toEqual([{ atMs: 10, board: 'n', error: new Error('a broken invariant') }]);
  });
});

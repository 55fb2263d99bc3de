import type { AedesPublishPacket } from 'aedes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../base/clock.js';
import { ConfigError, parseConfig, serviceSchema } from '../../base/config.js';
import { BrokerConfig } from '../../broker/config.js';
import { Emitter } from '../../broker/emitter.js';
import { Immediate, ImmediateFailure } from '../../broker/immediate.js';
import { ConnectionLimits, FailureDelays } from '../../broker/login-limits.js';
import { PacketFraming } from '../../broker/packet-framing.js';
import { RetainedStore } from '../../broker/retained-store.js';
import { StallGuard } from '../../broker/stall-guard.js';
import { connectPacket, packet, publishPacket, subscribePacket } from './raw-client.js';

describe('the framing of packets', () => {
  const stream = Buffer.concat([
    connectPacket({ clientId: 'cam1' }),
    publishPacket('a', 'x'.repeat(300), 1),
    subscribePacket(['a'], 1),
    subscribePacket(['b'], 1),
    Buffer.from([0xc0, 0]),
  ]);

  it('cuts behind CONNECT and every SUBSCRIBE, however the bytes come', () => {
    const ends = [connectPacket({ clientId: 'cam1' }).length];
    ends.push(stream.length - 2 - subscribePacket(['b'], 1).length, stream.length - 2, stream.length);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (sizes) => {
        const framing = new PacketFraming(100_000);
        const cuts: number[] = [];
        let at = 0;
        for (let i = 0; at < stream.length; i++) {
          const chunk = stream.subarray(at, at + (sizes[i % sizes.length] ?? 1));
          const step = framing.push(chunk);
          if (step.kind !== 'pass') throw new Error('too big');
          at += step.bytes;
          if (step.bytes < chunk.length) cuts.push(at);
        }
        expect(at).toBe(stream.length);
        for (const cut of cuts) expect(ends).toContain(cut);
      }),
    );
  });

  it('refuses by the announced length, at the limit and one above, before the body comes', () => {
    const framing = new PacketFraming(1000);
    // Three header bytes and 997 of body are exactly the limit.
    expect(framing.push(packet(0x30, Buffer.alloc(997)))).toEqual({ kind: 'pass', bytes: 1000 });
    expect(framing.push(packet(0x30, Buffer.alloc(998)).subarray(0, 3))).toEqual({
      kind: 'too-big',
      packetBytes: 1001,
    });
    expect(new PacketFraming(1000).push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff])).kind).toBe('too-big');
  });
});

describe('the emitter', () => {
  const message = (topic: string): AedesPublishPacket => ({
    cmd: 'publish',
    topic,
    payload: Buffer.from('x'),
    qos: 1,
    dup: false,
    retain: false,
    brokerId: 'b',
    brokerCounter: 1,
  });

  it('waits for a listener that is only slow', async () => {
    const clock = new SimulatedClock();
    const emitter = new Emitter(clock);
    const waiting: (() => void)[] = [];
    emitter.on('a', (_packet, done) => waiting.push(done));
    let emitted = 0;
    emitter.emit(message('a'), () => emitted++);
    await clock.advance(30);
    expect(emitted).toBe(0);
    for (const done of waiting.splice(0)) done();
    expect(emitted).toBe(1);
  });

  it('lets go of a listener that is stuck, waits for it no more, and again once it has moved', async () => {
    const clock = new SimulatedClock();
    const emitter = new Emitter(clock);
    const waiting: (() => void)[] = [];
    let healthy = 0;
    emitter.on('a', (_packet, done) => waiting.push(done));
    emitter.on('+', (_packet, done) => {
      healthy++;
      done();
    });
    let emitted = 0;
    emitter.emit(message('a'), () => emitted++);
    await clock.advance(60);
    expect(emitted).toBe(1);
    for (let i = 0; i < 100; i++) emitter.emit(message('a'), () => emitted++);
    expect([emitted, healthy, waiting.length]).toEqual([101, 101, 101]);
    for (const done of waiting.splice(0)) done();
    emitter.emit(message('a'), () => emitted++);
    expect(emitted).toBe(101);
    for (const done of waiting.splice(0)) done();
    expect(emitted).toBe(102);
  });

  it('gives a removed listener nothing more, and refuses when it is closed', () => {
    const emitter = new Emitter(new SimulatedClock());
    let heard = 0;
    const notify = (_packet: AedesPublishPacket, done: () => void) => {
      heard++;
      done();
    };
    emitter.on('a/#', notify);
    emitter.emit(message('a/b'));
    emitter.removeListener('a/#', notify);
    emitter.emit(message('a/b'));
    emitter.close(() => {});
    let error: unknown;
    emitter.emit(message('a/b'), (cause) => {
      error = cause;
    });
    expect(heard).toBe(1);
    expect(error).toBeInstanceOf(Error);
  });
});

describe('an immediate answer', () => {
  it('is there before the next line runs', () => {
    const seen: unknown[] = [];
    new Immediate(1).then((value) => seen.push(value));
    new ImmediateFailure(new Error('no')).then(undefined, (error) => seen.push(error.message));
    new Immediate(2).finally(() => seen.push('finally'));
    expect(seen).toEqual([1, 'no', 'finally']);
  });

  it('can be awaited', async () => {
    expect(await new Immediate('x')).toBe('x');
  });
});

describe('the store of retained messages', () => {
  const limits = { retainedTopics: 5, retainedBytes: 10_000, retainedTopicsPerWriter: 3, retainedBytesPerWriter: 4000 };
  const topic = (node: string, name: string) => `vedette/1/node/${node}/sensor/${name}`;
  const put = (store: RetainedStore, at: string, text: string) =>
    store.apply({ topic: at, payload: Buffer.from(text), qos: 1 });

  it('knows a change from none, and a removal', () => {
    const store = new RetainedStore('vedette', limits);
    expect(put(store, topic('a', 'x'), '1')).toBe('stored');
    expect(put(store, topic('a', 'x'), '1')).toBe('same');
    expect(put(store, topic('a', 'x'), '2')).toBe('stored');
    expect(put(store, topic('a', 'x'), '')).toBe('removed');
    expect(put(store, topic('a', 'x'), '')).toBe('same');
    expect([store.topics, store.bytes]).toEqual([0, 0]);
  });

  it('is full per writer and in all, by topics and by bytes, and takes what shrinks', () => {
    const store = new RetainedStore('vedette', limits);
    for (const name of ['x', 'y', 'z']) put(store, topic('a', name), '1');
    expect(put(store, topic('a', 'w'), '1')).toBe('full-writer');
    for (const name of ['x', 'y']) put(store, topic('b', name), '1');
    expect(put(store, topic('b', 'z'), '1')).toBe('full-broker');
    expect(put(store, topic('a', 'x'), 'x'.repeat(5000))).toBe('full-writer');
    expect(put(store, topic('a', 'x'), 'x'.repeat(2000))).toBe('stored');
    expect(put(store, topic('a', 'x'), 'y')).toBe('stored');
    put(store, topic('a', 'x'), '');
    expect(put(store, topic('b', 'z'), '1')).toBe('stored');
  });

  it('keeps its own copy of a payload', () => {
    const store = new RetainedStore('vedette', limits);
    const payload = Buffer.from('before');
    store.apply({ topic: topic('a', 'x'), payload, qos: 1 });
    payload.write('after!');
    expect(store.get(topic('a', 'x'))?.payload.toString()).toBe('before');
  });

  it('finds by filter what a scan finds, whatever was put and removed', () => {
    const wide = { retainedTopics: 1e6, retainedBytes: 1e9, retainedTopicsPerWriter: 1e6, retainedBytesPerWriter: 1e9 };
    const Level = fc.constantFrom('a', 'b', 'c');
    const Topic = fc.array(Level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
    const Filter = fc
      .array(fc.oneof(Level, fc.constant('+')), { maxLength: 4 })
      .map((levels) => [...levels, '#'].join('/'));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(Topic, fc.constantFrom('', '1', '2'))),
        fc.oneof(Filter, Topic),
        (changes, filter) => {
          const store = new RetainedStore('vedette', wide);
          const plain = new Map<string, string>();
          for (const [at, text] of changes) {
            put(store, at, text);
            if (text === '') plain.delete(at);
            else plain.set(at, text);
          }
          const pattern = new RegExp(
            `^${filter.replaceAll('+', '[^/]+').replace(/\/#$/, '(/.*)?').replace(/^#$/, '.*')}$`,
          );
          const expected = [...plain].filter(([at]) => pattern.test(at)).sort();
          const found = [...store.match(filter)].map(({ topic: at, payload }) => [at, payload.toString()]).sort();
          expect(found).toEqual(expected);
          expect(store.topics).toBe(plain.size);
        },
      ),
    );
  });

  it('finds one of 50,000 topics without looking at the others', () => {
    const wide = { retainedTopics: 1e6, retainedBytes: 1e9, retainedTopicsPerWriter: 1e6, retainedBytesPerWriter: 1e9 };
    const store = new RetainedStore('vedette', wide);
    const reads: string[] = [];
    for (let i = 0; i < 50_000; i++) put(store, topic(`n${i % 100}`, `s${i}`), '1');
    for (const found of store.match(topic('n7', '+'))) reads.push(found.topic);
    expect(reads).toHaveLength(500);
    expect([...store.match(topic('n7', 's7'))]).toHaveLength(1);
  });
});

describe('connection limits', () => {
  const limits = {
    connections: 4,
    connectionsPerAddress: 3,
    connectionsBeforeLogin: 3,
    connectionsBeforeLoginPerAddress: 2,
  };

  it('count those before login apart, and give places back once', () => {
    const gate = new ConnectionLimits(limits);
    const a1 = gate.admit('a');
    const a2 = gate.admit('a');
    expect([a1, a2].every(Boolean)).toBe(true);
    expect(gate.admit('a')).toBeUndefined();
    const b1 = gate.admit('b');
    expect(gate.admit('c')).toBeUndefined();
    a1?.loggedIn();
    a1?.loggedIn();
    const a3 = gate.admit('a');
    expect(a3).toBeDefined();
    expect(gate.admit('a')).toBeUndefined();
    a2?.loggedIn();
    expect(gate.admit('b')).toBeUndefined();
    b1?.ended();
    b1?.ended();
    expect(gate.admit('b')).toBeDefined();
  });

  it('delay wrong passwords ever longer, by address, and forget after a quiet minute', () => {
    const delays = new FailureDelays();
    expect([1, 2, 3, 4, 5, 6, 7].map((at) => delays.failed('a', at))).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
    expect(delays.failed('b', 8)).toBe(250);
    expect(delays.failed('a', 60_008)).toBe(250);
  });
});

describe('the stall guard', () => {
  it('tells a lag above 1.5 s and its largest, and no jump of the wall clock', async () => {
    // A loop that stands still: time goes on, timers come late.
    class StuckClock extends SimulatedClock {
      extraMs = 0;
      override monoMs(): number {
        return super.monoMs() + this.extraMs;
      }
    }
    const clock = new StuckClock();
    const stalls: number[] = [];
    const guard = new StallGuard(clock, (lagMs) => stalls.push(lagMs));
    guard.open();
    await clock.advance(1000);
    clock.jumpWall(3_600_000);
    await clock.advance(1000);
    clock.jumpWall(-7_200_000);
    await clock.advance(1000);
    expect(stalls).toEqual([]);
    clock.extraMs += 1500;
    await clock.advance(250);
    expect(stalls).toEqual([]);
    clock.extraMs += 1501;
    await clock.advance(250);
    expect(stalls).toEqual([1501]);
    expect(guard.takeLargestMs()).toBe(1501);
    expect(guard.takeLargestMs()).toBe(0);
    guard.close();
  });
});

describe('the configuration of a broker', () => {
  const read = (text: string) =>
    parseConfig(text, { path: 'test.yaml', env: {}, schema: serviceSchema({ broker: BrokerConfig }) });

  it('has defaults for everything', () => {
    const { broker } = read('broker: {}\n');
    expect(broker).toMatchObject({ name: 'main', tcp: { host: '0.0.0.0', port: 1883 }, anonymousRead: false });
    expect(broker.journal).toEqual({
      fsync: 'interval',
      intervalMs: 5000,
      compactBytes: 8_388_608,
      holdBytes: 4_194_304,
    });
  });

  it('lets clients read without a password on loopback only', () => {
    expect(read('broker: { anonymousRead: true, tcp: { host: 127.0.0.1 } }\n').broker.anonymousRead).toBe(true);
    expect(() => read('broker: { anonymousRead: true }\n')).toThrow(/anonymousRead.*only listeners on loopback/s);
    expect(() =>
      read('broker: { anonymousRead: true, tcp: { host: 127.0.0.1 }, websocket: { host: 0.0.0.0 } }\n'),
    ).toThrow(/websocket on 0.0.0.0/);
  });

  it('tells all faults at once', () => {
    try {
      read('broker: { name: Main, tcp: { port: 70000 }, journal: { fsync: sometimes }, extra: 1 }\n');
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.problems.map(({ path }) => path).sort()).toEqual([
        'broker.extra',
        'broker.journal.fsync',
        'broker.name',
        'broker.tcp.port',
      ]);
    }
  });

  it('needs a listener', () => {
    expect(() => read('broker: { tcp: false }\n')).toThrow(/no listener/);
  });
});

import { once } from 'node:events';
import { connect, Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { openCapturePipe } from '../../../edge/capture/capture-pipe.js';
import { CaptureProcess } from '../../../edge/capture/capture-process.js';
import { eventually } from '../../eventually.js';

const never = new AbortController().signal;
const clock = new SystemClock();
const started: CaptureProcess[] = [];
const platform = Object.getOwnPropertyDescriptor(process, 'platform') ?? {};

afterEach(async () => {
  Object.defineProperty(process, 'platform', platform);
  for (const program of started.splice(0)) await program.stop();
});

async function run(script: string): Promise<CaptureProcess> {
  const args = ['--eval', script];
  const program = await CaptureProcess.start({
    program: process.execPath,
    args,
    subject: 'x',
    missingHint: 'x',
    clock,
  });
  started.push(program);
  return program;
}

const COUNTING = 'const b = Buffer.alloc(1_000_003); for (let i = 0; i < b.length; i++) b[i] = i % 251;';

// Where our own pipe cannot be had, Node's does: what is read is the same.
describe.each(['linux', 'elsewhere'])('the pipe of a capture program, %s', (system) => {
  const start = (script: string) => {
    Object.defineProperty(process, 'platform', { ...platform, value: system });
    return run(script);
  };

  test('gives every byte in order, in whatever portions they are asked for', async () => {
    const program = await start(`${COUNTING} process.stdout.write(b);`);
    const all: number[] = [];
    for (const length of [1, 15, 65_536, 131_072, 131_073, 300_000, 7, 500_000]) {
      const portion = new Uint8Array(length);
      const filled = await program.stdout.fill(portion, never);
      for (const byte of portion.subarray(0, filled)) all.push(byte);
    }
    expect(all.length).toBe(1_000_003);
    expect(all.every((byte, i) => byte === i % 251)).toBe(true);
    expect((await program.ended()).code).toBe(0);
  });

  test('ends short when the program ends, and stays ended', async () => {
    const program = await start(`process.stdout.write('abc');`);
    const portion = new Uint8Array(5);
    expect(await program.stdout.fill(portion, never)).toBe(3);
    expect(await program.stdout.fill(portion, never)).toBe(0);
  });

  test('holds the program back while nobody reads', async () => {
    const program = await start(`${COUNTING} for (;;) { require('fs').writeSync(1, b); process.stderr.write('.'); }`);
    await program.stdout.fill(new Uint8Array(10), never);
    const dots = () => program.lastWords.length;
    await program.stdout.fill(new Uint8Array(2_000_000), never);
    let before = 0;
    const isHeld = () => {
      const isSame = before > 0 && dots() === before;
      before = dots();
      return isSame;
    };
    // What the kernel holds is some megabytes; each dot is one, and 200 are all that is kept of the last words.
    await eventually(isHeld, 'it writes no more');
    expect(dots()).toBeLessThan(60);
  });

  test('a read given up writes nothing more into its buffer', async () => {
    const program = await start(`setInterval(() => process.stdout.write('abcd'), 5);`);
    const given = new AbortController();
    const portion = new Uint8Array(1_000_000);
    const reading = program.stdout.fill(portion, given.signal);
    await eventually(() => portion[0] !== 0, 'it has begun');
    given.abort(new Error('given up'));
    await expect(reading).rejects.toThrow('given up');
    const before = portion.indexOf(0);
    const after = new Uint8Array(4);
    expect(await program.stdout.fill(after, never)).toBe(4);
    expect(portion.indexOf(0)).toBe(before);
  });

  test('all of it, or nothing when it is too much', async () => {
    const inside = await start(`process.stdout.write('x'.repeat(40_000));`);
    expect((await inside.stdout.all(40_000, never))?.byteLength).toBe(40_000);
    const beyond = await start(`process.stdout.write('x'.repeat(40_001));`);
    expect(await beyond.stdout.all(40_000, never)).toBeUndefined();
  });

  test('a program that is stopped while nobody reads is gone, and its pipe with it', async () => {
    const program = await start(`for (;;) require('fs').writeSync(1, 'x'.repeat(100_000));`);
    await program.stdout.fill(new Uint8Array(10), never);
    await program.stop();
    expect(await program.stdout.fill(new Uint8Array(10_000_000), never)).toBeLessThan(10_000_000);
  });
});

test('a raw frame on its way in makes no buffers', async () => {
  const program = await run(`${COUNTING} for (;;) require('fs').writeSync(1, b);`);
  const frame = new Uint8Array(1_000_003);
  for (let i = 0; i < 20; i++) await program.stdout.fill(frame, never);
  const before = process.memoryUsage().arrayBuffers;
  let largest = 0;
  for (let i = 0; i < 30; i++) {
    await program.stdout.fill(frame, never);
    largest = Math.max(largest, process.memoryUsage().arrayBuffers - before);
  }
  // Node's own pipe would make 30 MB of them, which are there until the collector runs.
  expect(largest).toBeLessThan(2_000_000);
});

function portIn(address: ReturnType<Server['address']>): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('somebody else who connects while the ends meet gets nothing, and is let go', async () => {
  const strangers: Socket[] = [];
  const address = vi.spyOn(Server.prototype, 'address').mockImplementation(function (this: Server) {
    address.mockRestore();
    const own = this.address();
    // Before our own end does, and without the word.
    strangers.push(connect(portIn(own), '127.0.0.1'));
    return own;
  });
  const pipe = await openCapturePipe(clock);
  const [stranger] = strangers;
  if (pipe === undefined || stranger === undefined) throw new Error('there is a pipe, and a stranger');
  try {
    const gone = once(stranger, 'close');
    const heard: string[] = [];
    stranger.on('data', (bytes) => heard.push(String(bytes)));
    pipe.programEnd.write('frame');
    const into = new Uint8Array(5);
    expect(await pipe.reader.fill(into, never)).toBe(5);
    expect(Buffer.from(into).toString()).toBe('frame');
    await gone;
    expect(heard).toEqual([]);
  } finally {
    pipe.programEnd.destroy();
    pipe.reader.destroy();
    stranger.destroy();
  }
});

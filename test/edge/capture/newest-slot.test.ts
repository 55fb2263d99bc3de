import { describe, expect, test } from 'vitest';
import type { Frame } from '../../../edge/capture/frame.js';
import { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import { NewestSlot } from '../../../edge/capture/newest-slot.js';

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

function setUp(takenMax?: number) {
  const buffers = new FrameBuffers();
  const slot = new NewestSlot(buffers, takenMax);
  const frame = (index: number): Frame => {
    const data = buffers.acquire(12);
    data.fill(index);
    return { index, capturedAtMs: 0, capturedMonoMs: 0, picture: { kind: 'rgb', widthPx: 2, heightPx: 2, data } };
  };
  const firstByteOf = (taken: Frame | undefined) => (taken?.picture.kind === 'rgb' ? taken.picture.data[0] : undefined);
  return { buffers, slot, frame, firstByteOf };
}

describe('newest wins', () => {
  test('the taker gets the newest frame, those before are counted as replaced', async () => {
    const { slot, frame } = setUp();
    for (let i = 0; i < 4; i++) slot.put(frame(i));
    expect((await slot.take(never))?.index).toBe(3);
    expect(slot.replaced.replaced).toBe(3);
  });

  test('a replaced frame is counted under what its taker does meanwhile', async () => {
    const { slot, frame } = setUp();
    slot.countUnder(() => 'replaced-waiting');
    for (let i = 0; i < 3; i++) slot.put(frame(i));
    slot.countUnder(() => 'replaced');
    slot.put(frame(3));
    expect(slot.replaced).toEqual({ replaced: 1, 'replaced-waiting': 2, 'replaced-cooling': 0 });
  });

  test('who waits for a frame before it waits for its turn then takes the newest, or none that was discarded', async () => {
    const { slot, frame } = setUp();
    slot.put(frame(1));
    expect(await slot.ready(never)).toBe(true);
    slot.put(frame(2));
    expect(slot.takeNow()?.index).toBe(2);
    slot.put(frame(3));
    expect(await slot.ready(never)).toBe(true);
    slot.discard();
    expect(slot.takeNow()).toBeUndefined();
    slot.end();
    expect(await slot.ready(never)).toBe(false);
  });

  test('a discarded frame is not seen, is counted, and lets the next one in', async () => {
    const { buffers, slot, frame } = setUp();
    slot.put(frame(1));
    const offered = slot.putWhenFree(frame(2), never);
    slot.discard();
    await offered;
    expect((await slot.take(never))?.index).toBe(2);
    expect(slot.replaced.replaced).toBe(1);
    expect(buffers.made).toBe(2);
    slot.discard();
    expect(slot.replaced.replaced).toBe(1);
  });

  test('a taker that waits gets the first frame that comes', async () => {
    const { slot, frame } = setUp();
    const taking = slot.take(never);
    await settled();
    slot.put(frame(7));
    expect((await taking)?.index).toBe(7);
    expect(slot.replaced.replaced).toBe(0);
  });

  test('a taken frame keeps its pixels while any number of newer ones come, up to the next take', async () => {
    const { buffers, slot, frame, firstByteOf } = setUp();
    slot.put(frame(1));
    const taken = await slot.take(never);
    for (let i = 2; i < 50; i++) {
      slot.put(frame(i));
      expect(firstByteOf(taken)).toBe(1);
    }
    expect(firstByteOf(await slot.take(never))).toBe(49);
    // One at the taker, one in the slot, one being written.
    expect(buffers.made).toBe(3);
  });
});

describe('a taker of two at a time', () => {
  test('keeps both, and gives back the older one for the next', async () => {
    const { buffers, slot, frame, firstByteOf } = setUp(2);
    const taken: (Frame | undefined)[] = [];
    for (let i = 1; i < 50; i++) {
      slot.put(frame(i));
      expect(await slot.ready(never)).toBe(true);
      taken.push(slot.takeNow());
      expect(taken.slice(-2).map(firstByteOf)).toEqual(i === 1 ? [1] : [i - 1, i]);
    }
    // Two at the taker, one being written.
    expect(buffers.made).toBe(3);
  });
});

describe('every frame', () => {
  test('waits until the one before was taken, so that none is replaced', async () => {
    const { slot, frame } = setUp();
    const putting = (async () => {
      for (let i = 0; i < 5; i++) await slot.putWhenFree(frame(i), never);
      slot.end();
    })();
    const seen: number[] = [];
    for (;;) {
      await settled();
      const taken = await slot.take(never);
      if (taken === undefined) break;
      seen.push(taken.index);
    }
    await putting;
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(slot.replaced.replaced).toBe(0);
  });

  test('stops waiting by the signal', async () => {
    const { slot, frame } = setUp();
    slot.put(frame(0));
    const stop = new AbortController();
    const putting = slot.putWhenFree(frame(1), stop.signal);
    stop.abort(new Error('enough'));
    await expect(putting).rejects.toThrow('enough');
  });

  test('is not offered any more once the camera is closed, although what waited was discarded for it', async () => {
    const { slot, frame } = setUp();
    slot.put(frame(0));
    const stop = new AbortController();
    const putting = slot.putWhenFree(frame(1), stop.signal);
    slot.discard();
    stop.abort(new Error('closed'));
    await expect(putting).rejects.toThrow('closed');
    expect(slot.takeNow()).toBeUndefined();
  });
});

describe('the end', () => {
  test('comes after the last frame', async () => {
    const { slot, frame } = setUp();
    slot.put(frame(3));
    slot.end();
    expect((await slot.take(never))?.index).toBe(3);
    expect(await slot.take(never)).toBeUndefined();
  });

  test('reaches a taker that waits', async () => {
    const { slot } = setUp();
    const taking = slot.take(never);
    slot.end();
    expect(await taking).toBeUndefined();
  });

  test('a take stops waiting by the signal', async () => {
    const stop = new AbortController();
    const taking = setUp().slot.take(stop.signal);
    stop.abort(new Error('enough'));
    await expect(taking).rejects.toThrow('enough');
  });
});

describe('buffers', () => {
  test('come back only after they were given back, and only for their length', () => {
    const buffers = new FrameBuffers();
    const a = buffers.acquire(8);
    expect(buffers.acquire(8)).not.toBe(a);
    buffers.release(a);
    expect(buffers.acquire(9)).not.toBe(a);
    expect(buffers.acquire(8)).toBe(a);
  });

  test('given back twice are lent once', () => {
    const buffers = new FrameBuffers();
    const a = buffers.acquire(8);
    buffers.release(a);
    buffers.release(a);
    expect(buffers.acquire(8)).toBe(a);
    expect(buffers.acquire(8)).not.toBe(a);
  });

  test('of sizes nobody asks for any more are let go', () => {
    const buffers = new FrameBuffers();
    const old = buffers.acquire(8);
    buffers.release(old);
    const others = Array.from({ length: 4 }, () => buffers.acquire(9));
    for (const buffer of others) buffers.release(buffer);
    expect(buffers.acquire(8)).not.toBe(old);
  });
});

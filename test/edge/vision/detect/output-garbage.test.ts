import { markAsUntransferable } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { OutputGarbage } from '../../../../edge/vision/detect/output-garbage.js';

const MIB = 1024 * 1024;

test('the memory of a released output is free at once, without the collector', () => {
  const garbage = new OutputGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for (let run = 0; run < 200; run++) garbage.release(new Float32Array(MIB).fill(run).buffer);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
});

test('a released output has no length', () => {
  const output = new Float32Array(1000);
  new OutputGarbage().release(output.buffer);
  expect(output.length).toBe(0);
});

test('an output of two names is released once', () => {
  const garbage = new OutputGarbage();
  const output = new Float32Array(1000);
  garbage.release(output.buffer);
  expect(() => garbage.release(output.buffer)).not.toThrow();
});

test('an output that is not ours to free stays as it is', () => {
  const garbage = new OutputGarbage();
  const kept = new Float32Array([7]);
  markAsUntransferable(kept.buffer);
  garbage.release(kept.buffer);
  const shared = new SharedArrayBuffer(4);
  garbage.release(shared);
  expect([kept[0], shared.byteLength]).toEqual([7, 4]);
});

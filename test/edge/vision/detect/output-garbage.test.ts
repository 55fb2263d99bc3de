import { expect, test } from 'vitest';
import { OutputGarbage } from '../../../../edge/vision/detect/output-garbage.js';

const MIB = 1024 * 1024;

test('the young are collected each time 8 MiB of outputs were left', () => {
  let collections = 0;
  const garbage = new OutputGarbage(() => collections++);
  garbage.add(8 * MIB - 1);
  expect(collections).toBe(0);
  garbage.add(1);
  expect(collections).toBe(1);
  garbage.add(7 * MIB);
  expect(collections).toBe(1);
  garbage.add(2 * MIB);
  expect(collections).toBe(2);
});

test('where the engine does not offer it nothing happens', () => {
  expect(() => new OutputGarbage().add(100 * MIB)).not.toThrow();
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { BoardProbe } from '../../../edge/health/board-probe.js';
import { MachineLoad, parseCpuTicks } from '../../../edge/health/machine-load.js';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

describe('parseCpuTicks', () => {
  test.each([
    ['cpu  100 20 30 800 40 5 6 7 0 0\ncpu0 1 1 1 1', { busy: 161, total: 1008 }],
    ['cpu  1 2 3 4\n', { busy: 6, total: 10 }],
    ['intr 1\ncpu 1 0 0 1\n', { busy: 1, total: 2 }],
    ['cpu0 1 2 3 4 5\n', undefined],
    ['cpu  a b\n', undefined],
    ['', undefined],
  ])('%j', (stat, ticks) => {
    expect(parseCpuTicks(stat)).toEqual(ticks);
  });
});

describe('MachineLoad', () => {
  test('tells the share of the cores that was in use since the last reading', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vedette-load-'));
    folders.push(folder);
    const stat = join(folder, 'stat');
    const load = new MachineLoad(stat);
    await writeFile(stat, 'cpu  100 0 0 300 0 0 0 0\n');
    expect((await load.read()).cpu).toBe(0.25);
    await writeFile(stat, 'cpu  190 0 0 310 0 0 0 0\n');
    expect((await load.read()).cpu).toBe(0.9);
    expect((await load.read()).cpu).toBe(0);
  });

  test('a system without /proc is asked by systeminformation', async () => {
    const { cpu, usedBytes, totalBytes } = await new MachineLoad('/nowhere/stat').read();
    expect(cpu).toBeGreaterThanOrEqual(0);
    expect(cpu).toBeLessThanOrEqual(1);
    expect(usedBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThan(usedBytes);
  });
});

test('a board is read in its parts', async () => {
  const board = await new BoardProbe().read(tmpdir());
  expect(board.cpu).toBeGreaterThanOrEqual(0);
  expect(board.cpu).toBeLessThanOrEqual(1);
  expect(board.totalMiB).toBeGreaterThan(board.usedMiB);
  expect(board.usedMiB).toBeGreaterThan(0);
  expect(board.diskTotalMiB).toBeGreaterThan(0);
});

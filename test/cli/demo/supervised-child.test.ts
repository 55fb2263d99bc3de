import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { SupervisedChild } from '../../../cli/demo/supervised-child.js';
import { eventually } from '../../eventually.js';

const TOO_MUCH = 'VEDETTE_TEST_TOO_MUCH';

afterEach(() => {
  delete process.env[TOO_MUCH];
});

describe('SupervisedChild', () => {
  it('tries again when the system cannot start a process', async () => {
    const logsDir = await mkdtemp(join(tmpdir(), 'vedette-child-'));
    const entry = join(logsDir, 'role.mjs');
    await writeFile(entry, 'setInterval(() => {}, 1000);');
    const ends: string[] = [];
    const child = new SupervisedChild({
      service: { name: 'cam1', kind: 'node', args: [] },
      logsDir,
      self: [process.execPath, entry],
      clock: new SystemClock(),
      onExit: (_child, { signal }) => ends.push(`${signal}`),
    });
    // More than Linux hands to a new process: spawn throws, as it does without memory.
    process.env[TOO_MUCH] = 'x'.repeat(256 * 1024);
    child.start();
    expect(ends).toEqual([expect.stringMatching(/E2BIG/)]);
    delete process.env[TOO_MUCH];
    await eventually(() => child.isRunning, 'the second start');
    expect(child.restarts).toBe(1);
    await child.stop();
    expect(child.isRunning).toBe(false);
    await rm(logsDir, { recursive: true, force: true });
  });
});

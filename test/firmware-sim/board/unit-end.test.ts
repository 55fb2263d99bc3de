import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isBeyondRestart, noteUnitEnd } from '../../../firmware-sim/board/unit-end.js';

it('tells an end that no restart mends from any other, and forgets it at the next start', async () => {
  const runDir = await mkdtemp(join(tmpdir(), 'vedette-unit-end-'));
  const noted: boolean[] = [isBeyondRestart(runDir)];
  for (const exitStatus of [78, 9, 78, null]) {
    await noteUnitEnd(runDir, exitStatus);
    noted.push(isBeyondRestart(runDir));
  }
  expect(noted).toEqual([false, true, false, true, false]);
  await rm(runDir, { recursive: true, force: true });
});

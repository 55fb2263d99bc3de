import { mkdtemp, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeStateFolder, openStateFolder } from '../../base/state-folder.js';

describe('a state folder', () => {
  it('is made with its parents, for its owner alone, and left empty', async () => {
    const folder = join(await mkdtemp(join(tmpdir(), 'vedette-')), 'a', 'b');
    await makeStateFolder(folder);
    await makeStateFolder(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readdir(folder)).toEqual([]);
  });

  it('below a file is refused by name', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'vedette-')), 'file');
    await writeFile(file, '');
    await expect(makeStateFolder(join(file, 'state'))).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringContaining(file),
    });
  });

  it('where the system makes no folders is refused, not waited for', async () => {
    await expect(makeStateFolder('/proc/nowhere/state')).rejects.toMatchObject({
      code: 'state-unwritable',
      exitCode: 73,
    });
  });

  it('that is there but takes no writes is opened all the same, with what is wrong', async () => {
    // /proc takes no folder of ours, whoever asks.
    expect(await openStateFolder('/proc/self')).toMatchObject({ code: 'state-unwritable' });
    await expect(openStateFolder('/proc/nowhere/state')).rejects.toMatchObject({ code: 'state-unwritable' });
    expect(await openStateFolder(await mkdtemp(join(tmpdir(), 'vedette-')))).toBeUndefined();
  });
});

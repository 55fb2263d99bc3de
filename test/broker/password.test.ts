import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { PasswordCheck } from '../../broker/password-check.js';
import {
  generatePassword,
  listUsers,
  parseRole,
  readPassword,
  removeUser,
  setUser,
} from '../../broker/password-command.js';
import { formatUsers, parseUsers, readUsers } from '../../broker/password-file.js';
import { temporaryFolder } from './broker-fixture.js';

describe('the password file', () => {
  it('is made for its owner alone, changed as a whole, and keeps no password', async () => {
    const path = `${await temporaryFolder()}/new/passwords`;
    expect(await setUser({ path, name: 'cam1', role: 'node', password: 'secret words' })).toBe('added');
    expect(await setUser({ path, name: 'alice', role: 'reader', password: undefined })).toBe('added');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain('secret words');
    expect(text).toMatch(/^cam1:node:\$argon2id\$v=19\$m=19456,t=2,p=1\$/m);
    expect(await setUser({ path, name: 'cam1', password: 'other words' })).toBe('changed');
    expect(await listUsers(path)).toEqual([
      { name: 'cam1', role: 'node', certificateOnly: false },
      { name: 'alice', role: 'reader', certificateOnly: true },
    ]);
    await removeUser(path, 'cam1');
    expect((await listUsers(path)).map(({ name }) => name)).toEqual(['alice']);
    await expect(removeUser(path, 'cam1')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('reads back what it writes', async () => {
    const path = `${await temporaryFolder()}/passwords`;
    await setUser({ path, name: 'cam1', role: 'node', password: 'secret words' });
    await setUser({ path, name: 'mon1', role: 'monitor', password: undefined });
    const users = await readUsers(path);
    expect(users).toBeDefined();
    expect(parseUsers(formatUsers(users ?? new Map()), path)).toEqual(users);
  });

  it('refuses what would be no user, and leaves the file alone', async () => {
    const path = `${await temporaryFolder()}/passwords`;
    await setUser({ path, name: 'cam1', role: 'node', password: 'secret words' });
    const before = await readFile(path, 'utf8');
    for (const name of ['', 'A', '#', 'a:b', 'a\nb', 'cam1-bulk']) {
      await expect(setUser({ path, name, role: 'node', password: 'secret words' }), name).rejects.toMatchObject({
        code: 'usage',
      });
    }
    await expect(setUser({ path, name: 'cam2', password: 'secret words' })).rejects.toThrow(/needs a role/);
    await expect(setUser({ path, name: 'cam2', role: 'node', password: '7 chars' })).rejects.toThrow(/7 characters/);
    await expect(setUser({ path, name: 'cam2', role: 'node', password: 'x'.repeat(129) })).rejects.toThrow(/129/);
    expect(() => parseRole('root')).toThrow(/node, monitor, operator, reader, source/);
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it.each([
    ['cam1:node:plain', /line 1.*argon2id/],
    ['# fine\n\nCAM:node:*', /line 3.*user/],
    ['cam1:root:*', /role/],
    ['cam1:node:*\ncam1:node:*', /line 2.*twice/],
    ['cam1:node:*:more', /argon2id/],
    ['constructor', /role/],
  ])('names the line that is wrong: %j', (text, expected) => {
    expect(() => parseUsers(text, 'p')).toThrow(expected);
  });

  it('that cannot be read or written is named', async () => {
    const folder = await temporaryFolder();
    await mkdir(`${folder}/passwords`);
    await expect(readUsers(`${folder}/passwords`)).rejects.toMatchObject({ code: 'credentials-invalid' });
    await writeFile(`${folder}/file`, '');
    await expect(listUsers(`${folder}/none`)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a password', () => {
  it('is checked, remembered, and never right for nobody', async () => {
    const path = `${await temporaryFolder()}/passwords`;
    await setUser({ path, name: 'cam1', role: 'node', password: 'secret words' });
    const hash = (await readUsers(path))?.get('cam1')?.hash;
    const check = new PasswordCheck();
    const bytes = (text: string) => new TextEncoder().encode(text);
    const matches = (text: string, stored = hash) => check.matches(bytes(text), stored);
    expect(await matches('secret words')).toBe(true);
    expect(await matches('secret words')).toBe(true);
    expect(await matches('secret word')).toBe(false);
    expect(await matches('')).toBe(false);
    expect(await matches('x'.repeat(600))).toBe(false);
    expect(await check.matches(bytes('secret words'), undefined)).toBe(false);
  });

  it('is checked a few at once, and the rest is told to come back', async () => {
    const check = new PasswordCheck();
    const attempts = Array.from({ length: 270 }, (_, i) =>
      check.matches(new TextEncoder().encode(`wrong ${i}`), undefined),
    );
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(270 - 258);
    // The places are free again.
    expect(await check.matches(new Uint8Array(), undefined)).toBe(false);
  });

  it('is generated with 160 bits, and read as the first line of a stream', async () => {
    expect(generatePassword()).toMatch(/^[A-Za-z0-9_-]{27}$/);
    expect(generatePassword()).not.toBe(generatePassword());
    expect(await readPassword(Readable.from([Buffer.from('grün'), Buffer.from('e Wiese\r\nmore')]))).toBe(
      'grüne Wiese',
    );
    await expect(readPassword(Readable.from(['\n']))).rejects.toMatchObject({ code: 'usage' });
    await expect(readPassword(Readable.from([]))).rejects.toMatchObject({ code: 'usage' });
  });
});

import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runVedette } from './vedette-process.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-broker-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));
const users = () => join(dir, 'users');

describe('vedette broker passwd', () => {
  it('makes a password that stands alone on standard output, and a file only its owner reads', async () => {
    const { code, stdout, stderr } = await runVedette([
      'broker',
      'passwd',
      users(),
      'cam1',
      '--role',
      'node',
      '--generate',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: `added cam1 in ${users()}\n` });
    expect(stdout).toMatch(/^[A-Za-z0-9_-]{27}\n$/);
    expect((await stat(users())).mode & 0o777).toBe(0o600);
    expect(await readFile(users(), 'utf8')).not.toContain(stdout.trim());
  });

  it('takes a password from standard input, changes it, lists and removes the user', async () => {
    expect(
      await runVedette(['broker', 'passwd', users(), 'alice', '--role', 'reader'], { input: 'correct horse\n' }),
    ).toMatchObject({ code: 0 });
    const changed = await runVedette(['broker', 'passwd', users(), 'alice', '--json'], { input: 'battery staple' });
    expect(JSON.parse(changed.stdout)).toEqual({ user: 'alice', change: 'changed' });
    const listed = await runVedette(['broker', 'passwd', users(), '--list', '--json']);
    expect(JSON.parse(listed.stdout)).toEqual({ users: [{ name: 'alice', role: 'reader', certificateOnly: false }] });
    expect((await runVedette(['broker', 'passwd', users(), 'alice', '--delete'])).code).toBe(0);
    expect((await runVedette(['broker', 'passwd', users(), 'alice', '--delete'])).code).toBe(69);
  });

  it.each([
    [['cam1', '--generate'], 'a new user needs a role'],
    [['cam1', '--role', 'king', '--generate'], 'no such role'],
    [['cam1', '--role', 'node', '--generate', '--delete'], 'exclude each other'],
    [['Cam 1', '--role', 'node', '--generate'], 'user "Cam 1"'],
    [['cam1', '--role', 'node'], 'empty input'],
    [[], 'which user?'],
  ])('refuses %o with 64', async (args, expected) => {
    const { code, stderr } = await runVedette(['broker', 'passwd', users(), ...args]);
    expect(code).toBe(64);
    expect(stderr).toContain(expected);
  });
});

describe('vedette broker check-acl', () => {
  it.each([
    [['cam1', 'pub', 'vedette/1/node/cam1/live', '--role', 'node'], 0, true],
    [['cam1', 'pub', 'vedette/1/node/cam2/live', '--role', 'node'], 1, false],
    [['x', 'sub', 'vedette/#', '--role', 'anonymous'], 0, true],
    [['x', 'pub', 'vedette/1/node/x/live', '--role', 'anonymous'], 1, false],
    [['cam1', 'pub', 'home/1/node/cam1/live', '--role', 'node', '--root', 'home'], 0, true],
  ])('answers %o with exit code %i', async (args, code, allowed) => {
    const ended = await runVedette(['broker', 'check-acl', ...args, '--json']);
    expect(ended.code).toBe(code);
    expect(JSON.parse(ended.stdout)).toMatchObject({ allowed, rule: expect.any(String) });
  });

  it('needs to know the role', async () => {
    expect((await runVedette(['broker', 'check-acl', 'cam1', 'pub', 'a'])).code).toBe(64);
    expect((await runVedette(['broker', 'check-acl', 'cam1', 'read', 'a', '--role', 'node'])).code).toBe(64);
  });
});

describe('vedette broker', () => {
  it("does not listen for a file that is another service's", async () => {
    const path = join(dir, 'node.yaml');
    await writeFile(path, 'site: { name: farm }\nedge: { node: cam1, cameras: {} }\n');
    const { code, stderr } = await runVedette(['broker', '--config', path, '--state', dir]);
    expect(code).toBe(78);
    expect(stderr).toContain('broker: ');
  });

  it('says where it listens, and ends with 0 when told to stop', async () => {
    await runVedette(['broker', 'passwd', users(), 'cam1', '--role', 'node', '--generate']);
    await writeFile(join(dir, 'b.yaml'), `broker: {tcp: {host: 127.0.0.1, port: 0}, passwordFile: ${users()}}\n`);
    const { code, stdout } = await runVedette(
      ['broker', '--config', join(dir, 'b.yaml'), '--state', join(dir, 'state'), '--json'],
      {
        onOutput: (output, kill) => {
          if (output.stdout.includes('\n')) kill('SIGTERM');
        },
      },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      event: 'listening',
      broker: 'main',
      ports: { tcp: expect.any(Number) },
    });
  });

  it('ends at once with 130 when told to stop twice', async () => {
    await runVedette(['broker', 'passwd', users(), 'cam1', '--role', 'node', '--generate']);
    await writeFile(join(dir, 'b.yaml'), `broker: {tcp: {host: 127.0.0.1, port: 0}, passwordFile: ${users()}}\n`);
    const { code } = await runVedette(['broker', '--config', join(dir, 'b.yaml'), '--state', dir, '--json'], {
      onOutput: ({ stdout }, kill) => {
        if (!stdout.includes('\n')) return;
        kill('SIGTERM');
        kill('SIGINT');
      },
    });
    expect(code).toBe(130);
  });

  it('names a state folder that cannot be written, with exit code 73', async () => {
    await runVedette(['broker', 'passwd', users(), 'cam1', '--role', 'node', '--generate']);
    await writeFile(join(dir, 'b.yaml'), `broker: {tcp: {host: 127.0.0.1, port: 0}, passwordFile: ${users()}}\n`);
    await writeFile(join(dir, 'file'), '');
    await chmod(join(dir, 'file'), 0o400);
    const { code, stderr } = await runVedette([
      'broker',
      '--config',
      join(dir, 'b.yaml'),
      '--state',
      join(dir, 'file', 'x'),
    ]);
    expect(code).toBe(73);
    expect(stderr).toContain(join(dir, 'file', 'x'));
  });
});

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkLibrary,
  checkMemory,
  checkNode,
  checkPlatform,
  checkProgram,
  checkStateDir,
} from '../../cli/doctor/machine-checks.js';
import { checkPort } from '../../cli/doctor/port-checks.js';
import { runVedette } from './vedette-process.js';

describe('a check of the doctor', () => {
  it.each([
    ['v20.19.0', 'ok'],
    ['v22.1.0', 'ok'],
    ['v20.18.3', 'fail'],
    ['v18.20.0', 'fail'],
  ])('finds Node.js %s %s', (version, verdict) => {
    expect(checkNode(version).verdict).toBe(verdict);
  });

  it.each([
    ['linux', 'x64', true, 'ok'],
    ['linux', 'arm64', true, 'ok'],
    ['linux', 'arm', true, 'fail'],
    ['linux', 'arm64', false, 'fail'],
    ['darwin', 'arm64', true, 'fail'],
  ])('finds %s %s with glibc %s %s', (platform, arch, isGlibc, verdict) => {
    expect(checkPlatform(platform, arch, isGlibc).verdict).toBe(verdict);
  });

  it.each([
    [300, 'fail'],
    [512, 'warn'],
    [1000, 'ok'],
  ])('finds %i MiB of memory %s', (mebibytes, verdict) => {
    expect(checkMemory(mebibytes * 1024 * 1024).verdict).toBe(verdict);
  });

  it('looks a program up without running it', () => {
    expect(checkProgram('sh', 'x', 'y', { PATH: '/nowhere:/bin' })).toMatchObject({ verdict: 'ok', detail: '/bin/sh' });
    expect(checkProgram('sh', 'x', 'dash', { PATH: '/nowhere' })).toMatchObject({
      verdict: 'warn',
      hint: 'sudo apt-get install dash',
    });
    expect(checkProgram('sh', 'x', 'y', {}).verdict).toBe('warn');
  });

  it('finds a port taken while somebody listens, and free after', async () => {
    const server = createServer();
    const port = await new Promise<number>((done) =>
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        done(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    );
    expect(await checkPort(port, 'MQTT')).toMatchObject({ verdict: 'warn', detail: 'taken (MQTT)' });
    await new Promise((done) => server.close(done));
    expect(await checkPort(port, 'MQTT')).toMatchObject({ verdict: 'ok' });
  });

  it('finds a state folder that is there, that can be made, and that cannot', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vedette-doctor-'));
    try {
      expect((await checkStateDir(dir)).detail).toMatch(/MiB free$/);
      expect((await checkStateDir(join(dir, 'a', 'b'))).detail).toContain('will be made');
      expect(await readdir(dir)).toEqual([]);
      await writeFile(join(dir, 'file'), '');
      expect((await checkStateDir(join(dir, 'file'))).verdict).toBe('fail');
      expect((await checkStateDir('/proc/nowhere/x')).verdict).toBe('fail');
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('loads a library in a process of its own', async () => {
    expect((await checkLibrary('zod')).verdict).toBe('ok');
  });
});

describe('vedette doctor', () => {
  it('gives programs one object and says by its exit code whether Vedette can run here', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vedette-doctor-'));
    try {
      const { code, stdout } = await runVedette(['doctor', '--json', '--state', dir]);
      const { ok, findings } = JSON.parse(stdout);
      expect(code).toBe(ok ? 0 : 69);
      const names = findings.map(({ check }: { check: string }) => check);
      expect(names).toEqual(
        expect.arrayContaining([
          'node',
          'platform',
          'onnxruntime-node',
          'sharp',
          'state folder',
          'port 1883',
          'ffmpeg',
        ]),
      );
      for (const { verdict, hint } of findings) expect(verdict === 'ok').toBe(hint === undefined);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('ends with 69 when something keeps Vedette from working', async () => {
    const { code, stdout } = await runVedette(['doctor', '--state', '/proc/nowhere']);
    expect(code).toBe(69);
    expect(stdout).toMatch(/^state folder +fail/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('Vedette cannot run here.');
  });
});

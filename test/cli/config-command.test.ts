import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runVedette } from './vedette-process.js';

const GOOD = `
site: {name: farm, brokers: ["mqtt://10.0.0.5"]}
broker: {tcp: {host: 127.0.0.1, port: 1884}}
edge:
  node: cam1
  passwordFile: ./cam1.password
  cameras:
    front: {source: "sim:7"}
    yard: {source: {driver: file, path: clip.mjpeg}}
monitor: {nodes: {cam1: {}}}
`;
const BAD = `
site: {nme: farm}
edge:
  node: Cam 1
  cameras:
    front: {source: "tape:7"}
broker: {tcp: {port: 70000}}
`;

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-config-check-'));
  await writeFile(join(dir, 'good.yaml'), GOOD);
  await writeFile(join(dir, 'bad.yaml'), BAD);
});
afterAll(() => rm(dir, { recursive: true }));

const check = (args: readonly string[], env: Record<string, string> = {}) =>
  runVedette(['config', 'check', ...args], { cwd: dir, env });

describe('vedette config check', () => {
  it('says OK with what each section holds, and warns of files that are not here', async () => {
    const { code, stdout, stderr } = await check(['good.yaml']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^site +name farm/m);
    expect(stdout).toMatch(/^edge +node cam1.*cameras front yard/m);
    expect(stdout).toContain('warning: edge.passwordFile: ./cam1.password does not exist on this machine');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('OK good.yaml');
  });

  it('tells all faults of all sections in the order of the file, with exit code 78', async () => {
    const { code, stdout, stderr } = await check(['bad.yaml']);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([
      'vedette: read config bad.yaml: 4 problems',
      expect.stringMatching(/^ {2}2:8 site\.nme: unknown key; did you mean name\?/),
      expect.stringMatching(/^ {2}4:9 edge\.node: got "Cam 1"; allowed: /),
      expect.stringMatching(/^ {2}6:21 edge\.cameras\.front\.source: got "tape:7"; /),
      expect.stringMatching(/^ {2}7:22 broker\.tcp\.port: got 70000; allowed: whole number, 0 to 65535/),
    ]);
  });

  it('gives programs one object, with the same exit code', async () => {
    const good = await check(['--json', 'good.yaml']);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({
      ok: true,
      sections: ['site', 'broker', 'edge', 'monitor'],
      problems: [],
    });
    const bad = await check(['--json', 'bad.yaml']);
    expect(bad.code).toBe(78);
    const { ok, problems } = JSON.parse(bad.stdout);
    expect(ok).toBe(false);
    expect(problems.map(({ path }: { path: string }) => path)).toEqual([
      'site.nme',
      'edge.node',
      'edge.cameras.front.source',
      'broker.tcp.port',
    ]);
    expect(problems[0]).toEqual({ path: 'site.nme', place: '2:8', message: expect.stringContaining('unknown key') });
  });

  it('sees the settings of the environment', async () => {
    const { code, stderr } = await check(['good.yaml'], { VEDETTE_BROKER_TCP_PORT: '99999' });
    expect(code).toBe(78);
    expect(stderr).toContain('VEDETTE_BROKER_TCP_PORT broker.tcp.port: got 99999');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runVedette } from './vedette-process.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-service-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('a service', () => {
  it.each(['broker', 'edge', 'monitor'])('%s asks for its configuration: 64', async (service) => {
    expect(await runVedette([service], { cwd: dir })).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--config FILE'),
    });
  });

  it.each([
    ['broker', 'broker: {tcp: {port: x}}', 'broker.tcp'],
    ['edge', 'edge: {node: a, cameras: {front: {source: "sim:1", fps: 5}}}', 'edge.cameras.front.fps'],
    ['monitor', 'monitor: {nodes: []}', 'monitor.nodes'],
  ])('%s refuses a wrong configuration by path: 78', async (service, text, path) => {
    await writeFile(join(dir, 'c.yaml'), text);
    const { code, stderr } = await runVedette([service, '--config', 'c.yaml'], { cwd: dir });
    expect(code).toBe(78);
    expect(stderr).toContain(path);
  });

  it('edge names a model that is not there: 78', async () => {
    await writeFile(
      join(dir, 'c.yaml'),
      'edge: {node: a, model: {path: none.onnx}, cameras: {front: {source: "sim:1"}}}',
    );
    const { code, stderr } = await runVedette(['edge', '--config', 'c.yaml', '--state', dir], { cwd: dir });
    expect(code).toBe(78);
    expect(stderr).toMatch(/vedette: .*none\.onnx: no such file/);
  });

  it('edge refuses a password that everyone can read, with the command that mends it: 78', async () => {
    await writeFile(join(dir, 'secret'), 'x', { mode: 0o644 });
    await writeFile(
      join(dir, 'c.yaml'),
      `edge: {node: a, passwordFile: ${join(dir, 'secret')}, cameras: {front: {source: "sim:1"}}}`,
    );
    const { code, stderr } = await runVedette(['edge', '--config', 'c.yaml', '--state', dir], { cwd: dir });
    expect(code).toBe(78);
    expect(stderr).toContain(`hint: chmod 600 ${join(dir, 'secret')}`);
  });

  it('monitor ends with 0 when told to stop, also without a broker', async () => {
    await writeFile(join(dir, 'c.yaml'), 'site: {brokers: ["mqtt://127.0.0.1:9"]}\nmonitor: {nodes: {cam1: {}}}');
    const { code } = await runVedette(['monitor', '--config', 'c.yaml', '--state', dir], {
      cwd: dir,
      onOutput: ({ stderr }, kill) => {
        if (stderr.includes('monitor runs')) kill('SIGTERM');
      },
    });
    expect(code).toBe(0);
  });
});

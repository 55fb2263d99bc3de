import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeepReadonly, loadConfig } from '../../base/config.js';
import { EdgeFile } from '../../edge/config.js';
import { readEdgeFile } from '../../edge/config-reader.js';
import { compiledUrl } from '../compiled.js';

const GOOD = `
site: { brokers: ['mqtt://127.0.0.1:1883'] }
edge:
  node: cam1
  cameras:
    front:
      source: { driver: sim, seed: '7' }
      zones: { door: { polygon: [[0, 0], [1, 0], [1, 1]] } }
  rules:
    night: { when: 'true' }
`;
const BAD = `
edge:
  node: cam1
  cameras: { front: { source: sim } }
  logLevel: loud
  colour: green
`;

describe('the thread that reads a configuration', () => {
  let folder = '';
  const read = (path: string, env = {}): Promise<DeepReadonly<EdgeFile>> =>
    readEdgeFile({ path, env }, compiledUrl('edge/config-worker'));
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };
  const failureOf = (reading: Promise<unknown>) =>
    reading.then(
      () => expect.fail('it was read'),
      ({ code, message, hint }) => ({ code, message, hint }),
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vedette-config-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('gives what reading it here gives, frozen to the last value', async () => {
    const path = await write('good.yaml', GOOD);
    const env = { VEDETTE_EDGE_LOG_LEVEL: 'debug' };
    const file = await read(path, env);
    expect(file).toEqual(await loadConfig({ path, schema: EdgeFile, env }));
    expect(file.edge.logLevel).toBe('debug');
    expect(Object.isFrozen(file.edge.cameras.front?.zones)).toBe(true);
  });

  it('tells every fault as reading it here does', async () => {
    const path = await write('bad.yaml', BAD);
    const failure = await failureOf(read(path));
    expect(failure).toEqual(await failureOf(loadConfig({ path, schema: EdgeFile, env: {} })));
    expect(failure.code).toBe('config-invalid');
    expect(failure.message).toContain('edge.logLevel');
    expect(failure.message).toContain('edge.colour');
  });

  it('tells that there is no such file', async () => {
    expect(await failureOf(read(join(folder, 'none.yaml')))).toMatchObject({ code: 'config-unreadable' });
  });
});

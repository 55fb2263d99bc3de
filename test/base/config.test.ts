import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { ConfigError, type Environment, loadConfig, parseConfig, serviceSchema } from '../../base/config.js';
import { OperationError } from '../../base/errors.js';
import { readSecretFile } from '../../base/secret-file.js';
import { stateDirFor } from '../../base/state-folder.js';
import { Id } from '../../protocol/ids.js';

const Camera = z.strictObject({
  driver: z.enum(['sim', 'file']),
  fps: z.number().min(0.1).max(60).default(5).describe('frames per second'),
});
const EdgeConfig = z.strictObject({
  node: Id,
  stateDir: z.string().optional(),
  cameras: z.record(Id, Camera).default({}),
  scores: z.array(z.number().min(0).max(1)).max(3).optional(),
  source: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('file'), path: z.string() }),
      z.strictObject({ kind: z.literal('sim'), seed: z.int().min(0) }),
    ])
    .optional(),
  password: z.int().optional(),
});
const schema = serviceSchema({ edge: EdgeConfig });

function parse(text: string, env: Environment = {}) {
  return parseConfig(text, { path: 'x.yaml', schema, env });
}

function faultsOf(text: string, env: Environment = {}): string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError) {
      expect(error.code).toBe('config-invalid');
      expect(error.exitCode).toBe(78);
      return error.message.split('\n').slice(1);
    }
    throw error;
  }
  return [];
}

describe('a configuration file', () => {
  it('gives its values with the defaults of the schema and is frozen to the bottom', () => {
    const config = parse('edge:\n  node: cam1\n  cameras:\n    front: {driver: sim}\n');
    expect(config.edge.cameras.front).toEqual({ driver: 'sim', fps: 5 });
    expect(config.site.root).toBe('vedette');
    expect(config.site.brokers).toEqual(['mqtt://127.0.0.1:1883']);
    for (const part of [config, config.site, config.site.brokers, config.edge, config.edge.cameras.front]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('tells all faults at once, each with place, path, value given and what is allowed', () => {
    const text = [
      'site:',
      '  rooot: x',
      'edge:',
      '  node: Cam 1',
      '  cameras:',
      '    front:',
      '      driver: usb',
      '      fps: fast',
      '    Back: {driver: sim}',
      '  scores: [0.5, 2]',
      'egde: {}',
    ].join('\n');
    expect(faultsOf(text)).toEqual([
      '  2:3 site.rooot: unknown key; did you mean root?; allowed: name, root, brokers, caFile',
      '  4:9 edge.node: got "Cam 1"; allowed: 1 to 32 of a-z, 0-9 and -, not starting with -',
      '  7:15 edge.cameras.front.driver: got "usb"; allowed: sim, file',
      '  8:12 edge.cameras.front.fps: got "fast"; allowed: number, 0.1 to 60 (frames per second)',
      '  9:5 edge.cameras.Back: this key is not allowed; allowed: 1 to 32 of a-z, 0-9 and -, not starting with -',
      '  10:17 edge.scores.1: got 2; allowed: number, 0 to 1',
      '  11:1 egde: unknown key; did you mean edge?; allowed: site, broker, edge, monitor',
    ]);
  });

  it('looks into what a key that is not allowed holds, however deep', () => {
    const zones = z.record(Id, z.strictObject({ side: z.int().min(1) }));
    const deep = serviceSchema({ edge: z.strictObject({ cameras: z.record(Id, Camera.extend({ zones })) }) });
    const text = [
      'edge:',
      '  cameras:',
      '    Back Door:',
      '      driver: usb',
      '      fpss: 3',
      '      zones:',
      '        Gate: {side: 0}',
      '        yard: {side: x}',
      '    front: {driver: sim, zones: {"a b": {}}}',
    ].join('\n');
    const parseDeep = () => parseConfig(text, { path: 'x.yaml', schema: deep, env: {} });
    const rule = 'this key is not allowed; allowed: 1 to 32 of a-z, 0-9 and -, not starting with -';
    expect(parseDeep).toThrow(
      [
        '8 problems',
        `  3:5 edge.cameras.Back Door: ${rule}`,
        '  4:15 edge.cameras.Back Door.driver: got "usb"; allowed: sim, file',
        '  5:7 edge.cameras.Back Door.fpss: unknown key; did you mean fps?; allowed: driver, fps, zones',
        `  7:9 edge.cameras.Back Door.zones.Gate: ${rule}`,
        '  7:22 edge.cameras.Back Door.zones.Gate.side: got 0; allowed: whole number, at least 1',
        '  8:22 edge.cameras.Back Door.zones.yard.side: got "x"; allowed: whole number, at least 1',
        `  9:34 edge.cameras.front.zones.a b: ${rule}`,
        '  9:41 edge.cameras.front.zones.a b.side: missing; allowed: whole number, at least 1',
      ].join('\n'),
    );
  });

  it.each([
    ['a missing value', 'edge: {cameras: {}}', '  1:7 edge.node: missing; allowed: text matching ^[a-z0-9]'],
    ['a missing section', 'site: {}', '  1:1 edge: missing; allowed: map of node'],
    ['a value left empty', 'edge:\n  node:\n', '  2:8 edge.node: got nothing; allowed: text'],
    ['a list where a map belongs', 'edge: [1]', '  1:7 edge: got [1]; allowed: map of node'],
    ['a scalar as the whole', 'hello', '  1:1: got "hello"; allowed: map of site'],
    ['a key given twice', 'edge:\n  node: a\n  node: b\n', '  3:3: this key is given twice'],
    ['__proto__ as a key', 'edge:\n  node: a\n  cameras: {__proto__: {driver: sim}}', '  3:13: the key __proto__'],
    ['an unknown kind', 'edge: {node: a, source: {kind: tape}}', 'edge.source.kind: got "tape"; allowed: file, or sim'],
    [
      'a fault in one kind',
      'edge: {node: a, source: {kind: sim, seed: -1}}',
      'seed: got -1; allowed: whole number, at least 0',
    ],
    ['an unclosed bracket', 'edge: {node: a\n', '  2:1:'],
    ['two documents', 'edge: {node: a}\n---\nedge: {node: b}\n', 'documents'],
    ['an unknown tag', 'edge: {node: !secret a}', 'tag'],
    ['tabs as indentation', 'edge:\n\tnode: a\n', '  2:1:'],
    ['a password in a URL', 'edge: {node: a}\nsite: {brokers: ["mqtt://u:pw@host"]}', 'passwordFile'],
  ])('refuses %s', (_, text, expected) => {
    expect(faultsOf(text).join('\n')).toContain(expected);
  });

  it.each([
    ['nothing', ''],
    ['a comment only', '# soon\n'],
    ['a byte order mark only', '\uFEFF'],
  ])('refuses a file that holds %s as empty', (_, text) => {
    expect(faultsOf(text)).toEqual(['  the file is empty']);
  });

  it('ends a bomb of aliases', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    expect(faultsOf(`a0: &a0 x\n${levels.join('\n')}\n`).join()).toContain('alias');
  });

  it('does not repeat a secret that was written where a file name belongs', () => {
    const faults = faultsOf('edge: {node: a, password: hunter2}').join();
    expect(faults).toContain('edge.password');
    expect(faults).not.toContain('hunter2');
  });

  it('is read the same with CRLF line ends and a byte order mark', () => {
    const text = 'edge:\n  node: cam1\n  cameras:\n    a: {driver: file}\n';
    expect(parse(`\uFEFF${text.replaceAll('\n', '\r\n')}`)).toEqual(parse(text));
  });

  it('passes over the sections of other services, whatever they hold', () => {
    expect(parse('edge: {node: a}\nbroker: {not: [known, here]}\nmonitor: 7\n').edge.node).toBe('a');
  });

  it('reads `no` and `on` as text, as YAML 1.2 has it', () => {
    expect(parse('edge: {node: no, stateDir: on}').edge).toMatchObject({ node: 'no', stateDir: 'on' });
  });

  it('gives back any valid configuration that was written as YAML', () => {
    const id = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
    const camera = fc.record({
      driver: fc.constantFrom('sim', 'file'),
      fps: fc.double({ min: 0.1, max: 60, noNaN: true }),
    });
    fc.assert(
      fc.property(id, fc.dictionary(id, camera, { maxKeys: 5 }), fc.boolean(), (node, cameras, flow) => {
        const text = stringify({ edge: { node, cameras } }, flow ? { collectionStyle: 'flow' } : {});
        expect(parse(text).edge).toEqual({ node, cameras });
      }),
    );
  });

  it('never fails otherwise than with a ConfigError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!|>"\'\n\t #%@,?é0.') }), (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('overrides', () => {
  const text = 'edge: {node: a, cameras: {front-door: {driver: sim}}, scores: [0.1]}';

  it.each([
    [{ VEDETTE_EDGE_NODE: '7' }, { node: '7' }],
    [{ VEDETTE_EDGE_STATE_DIR: '/tmp/x' }, { stateDir: '/tmp/x' }],
    [{ VEDETTE_EDGE_CAMERAS_FRONT_DOOR_FPS: '2.5' }, { cameras: { 'front-door': { driver: 'sim', fps: 2.5 } } }],
    [{ VEDETTE_EDGE_SCORES: '[0.2, 0.3]' }, { scores: [0.2, 0.3] }],
    [{ VEDETTE_EDGE_SCORES_0: '0.9' }, { scores: [0.9] }],
    [{ VEDETTE_EDGE_SCORES_1: '0.9' }, { scores: [0.1, 0.9] }],
    [{ VEDETTE_EDGE_SOURCE_SEED: '4', VEDETTE_EDGE_SOURCE_KIND: 'sim' }, { source: { kind: 'sim', seed: 4 } }],
  ])('of the environment %o win over the file', (env, expected) => {
    expect(parse(text, env).edge).toMatchObject(expected);
  });

  it('name the variable in place of a position when their value is wrong', () => {
    expect(faultsOf(text, { VEDETTE_EDGE_CAMERAS_FRONT_DOOR_FPS: '0' })).toEqual([
      '  VEDETTE_EDGE_CAMERAS_FRONT_DOOR_FPS edge.cameras.front-door.fps: got 0; allowed: number, 0.1 to 60 (frames per second)',
    ]);
  });

  it('that name no setting of a known section are faults', () => {
    expect(faultsOf(text, { VEDETTE_EDGE_NODDE: 'x' })).toEqual(['  VEDETTE_EDGE_NODDE: names no setting']);
  });

  it('for another service or outside the sections are passed over', () => {
    expect(parse(text, { VEDETTE_BROKER_PORT: '1', VEDETTE_DEBUG: '1', HOME: '/' }).edge.node).toBe('a');
  });

  it('of the command line win over the environment', () => {
    const overrides = [{ path: ['edge', 'node'], value: 'c', from: '--node' }];
    expect(parseConfig(text, { path: 'x', schema, env: { VEDETTE_EDGE_NODE: 'b' }, overrides }).edge.node).toBe('c');
  });
});

describe('files beside the configuration', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-config-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  async function secret(name: string, text: string, mode: number): Promise<string> {
    const path = join(dir, name);
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  }

  it.each([
    ['one line feed', 'pass word\n', 'pass word'],
    ['one CRLF', 'x\r\n', 'x'],
    ['only the last of two', 'x\n\n', 'x\n'],
    ['nothing where there is none', ' x ', ' x '],
  ])('a secret file loses %s at its end', async (_, text, expected) => {
    expect(await readSecretFile(await secret('s', text, 0o600), {})).toBe(expected);
  });

  it.each([0o604, 0o644, 0o666])('a secret file of mode %o is refused with the command that mends it', async (mode) => {
    const path = await secret('open', 'x', mode);
    await expect(readSecretFile(path, {})).rejects.toMatchObject({
      code: 'credentials-invalid',
      hint: `chmod 600 ${path}`,
    });
  });

  it('a secret file that is empty or missing is refused by name', async () => {
    await expect(readSecretFile(await secret('e', '\n', 0o600), {})).rejects.toThrow(/\/e: it is empty/);
    await expect(readSecretFile(join(dir, 'gone'), {})).rejects.toThrow(/gone: no such file/);
  });

  it("a bare name is a credential of systemd's, a path is not", async () => {
    const path = await secret('broker', 'from-systemd', 0o400);
    const env = { CREDENTIALS_DIRECTORY: dir };
    expect(await readSecretFile('broker', env)).toBe('from-systemd');
    expect(await readSecretFile(path, { CREDENTIALS_DIRECTORY: '/nowhere' })).toBe('from-systemd');
    await expect(readSecretFile('broker', {})).rejects.toBeInstanceOf(OperationError);
  });

  it('a configuration that is missing, a folder, not UTF-8 or too large is unreadable, not invalid', async () => {
    const load = (path: string) => loadConfig({ path, schema, env: {} });
    await expect(load(join(dir, 'none.yaml'))).rejects.toMatchObject({ code: 'config-unreadable', exitCode: 78 });
    await expect(load(dir)).rejects.toMatchObject({ code: 'config-unreadable' });
    await writeFile(join(dir, 'latin1.yaml'), Buffer.from([0x61, 0xe4, 0x0a]));
    await expect(load(join(dir, 'latin1.yaml'))).rejects.toThrow(/not UTF-8/);
    await writeFile(join(dir, 'huge.yaml'), 'a'.repeat(1024 * 1024 + 1));
    await expect(load(join(dir, 'huge.yaml'))).rejects.toThrow(/1048577 bytes, allowed 1048576/);
  });

  it('a configuration on disk is loaded', async () => {
    await writeFile(join(dir, 'ok.yaml'), 'edge: {node: cam9}\n');
    expect((await loadConfig({ path: join(dir, 'ok.yaml'), schema, env: {} })).edge.node).toBe('cam9');
  });
});

describe('the state folder', () => {
  it.each([
    ['/a', { STATE_DIRECTORY: '/b' }, '/a'],
    [undefined, { STATE_DIRECTORY: '/b:/c' }, '/b'],
    ['', {}, resolve('.vedette')],
    [undefined, { STATE_DIRECTORY: '' }, resolve('.vedette')],
    ['rel', {}, resolve('rel')],
  ])('option %o and environment %o give %s', (option, env, expected) => {
    expect(stateDirFor(option, env)).toBe(expected);
  });
});

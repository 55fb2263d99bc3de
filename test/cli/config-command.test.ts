import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
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
    expect(stdout).toContain('warning: 6:17 edge.passwordFile: ./cam1.password does not exist on this machine');
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

  it('finds what several settings are together though one of them is wrong by itself', async () => {
    const cameras = Array.from({ length: 17 }, (_, i) => `    c${i}: {source: "sim:${i}"${i === 3 ? ', fps: 1' : ''}}`);
    const text = ['broker: {anonymousRead: true, name: A}', 'edge:', '  node: a', '  cameras:', ...cameras].join('\n');
    await writeFile(join(dir, 'together.yaml'), text);
    const { stderr } = await check(['together.yaml']);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'vedette: read config together.yaml: 4 problems',
      expect.stringMatching(/^ {2}1:25 broker\.anonymousRead: got true; not with tcp on 0\.0\.0\.0/),
      expect.stringMatching(/^ {2}1:37 broker\.name: got "A"; /),
      expect.stringMatching(/^ {2}5:5 edge\.cameras: .*allowed: at most 16 cameras on one node/),
      expect.stringMatching(/^ {2}8:27 edge\.cameras\.c3\.fps: unknown key/),
    ]);
  });

  it('looks at the files it names and at the labels of its model', async () => {
    await mkdir(join(dir, 'etc'), { recursive: true });
    await writeFile(join(dir, 'etc', 'beside.pem'), 'PEM');
    await writeFile(
      join(dir, 'etc', 'around.yaml'),
      [
        'site: {caFile: beside.pem}',
        'edge:',
        '  node: cam1',
        '  passwordFile: cam1.password',
        '  certFile: /nowhere/cam1.pem',
        '  cameras:',
        '    front:',
        '      source: "file:clip.mjpeg"',
        '      objects:',
        '        labels: [person, girafe]',
        '        perLabel: {persn: {scoreMin: 0.6}, dog: {scoreMin: 0.5}}',
        '      zones: {gate: {polygon: [[0, 0], [1, 0], [1, 1]], labels: [person, kite]}}',
      ].join('\n'),
    );
    const { code, stdout } = await check(['--json', 'etc/around.yaml']);
    const { ok, warnings } = JSON.parse(stdout);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(warnings).toEqual([
      expect.stringMatching(/^1:16 site\.caFile: beside\.pem does not exist .* lies beside the configuration/),
      expect.stringMatching(/^4:17 edge\.passwordFile: cam1\.password does not exist .*LoadCredential=/),
      expect.stringMatching(/^5:13 edge\.certFile: \/nowhere\/cam1\.pem does not exist on this machine$/),
      expect.stringMatching(/^8:15 edge\.cameras\.front\.source: clip\.mjpeg does not exist/),
      expect.stringMatching(
        /^10:26 edge\.cameras\.front\.objects\.labels\.1: the model has no label "girafe"; it has person/,
      ),
      expect.stringMatching(/^11:27 .*perLabel\.persn: the model has no label "persn"; did you mean person\?/),
      expect.stringMatching(/^11:49 .*perLabel\.dog: "dog" is not tracked by this camera/),
      expect.stringMatching(/^12:74 .*zones\.gate\.labels\.1: the model has no label "kite"/),
    ]);
  });

  it('takes a file that is here and of no use for a fault', async () => {
    await writeFile(join(dir, 'open.password'), 'secret\n', { mode: 0o644 });
    await writeFile(join(dir, 'page.onnx'), '<!DOCTYPE html>');
    const text =
      'edge: {node: a, passwordFile: open.password, model: {path: page.onnx}, cameras: {f: {source: "sim:1"}}}\n';
    await writeFile(join(dir, 'useless.yaml'), `${text}site: {caFile: /nowhere/ca.pem}\n`);
    const { code, stderr } = await check(['useless.yaml']);
    expect(code).toBe(78);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'vedette: read config useless.yaml: 3 problems',
      expect.stringMatching(/^ {2}1:31 edge\.passwordFile: .*open\.password: everyone on this machine can read it/),
      expect.stringMatching(/^ {2}1:60 edge\.model\.path: .*not an ONNX model: it is a web page/),
      expect.stringMatching(/^ {2}2:16 site\.caFile: warning: /),
    ]);
    const { problems, warnings } = JSON.parse((await check(['--json', 'useless.yaml'])).stdout);
    expect([problems.length, warnings.length]).toEqual([2, 1]);
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

  it('finds what is wrong with rules, with place and hint, and warns of labels that nobody tracks', async () => {
    await writeFile(
      join(dir, 'rules.yaml'),
      `edge:
  node: cam1
  cameras:
    front:
      source: sim:7
      zones: {gate: {polygon: [[0, 0], [1, 0], [1, 1]]}}
  sensors: {temperature: {source: "sim:temperature"}, air-quality: {source: "sim:air-quality"}}
  rules:
    fine: {when: 'temperature > 30.0 && count("person", "gate") > 0', for: 60s}
    hot: {when: temprature > 30.0}
    bad-air: {when: 'air-quality > 800.0', text: "{air_quality} ppm, {humidity} %"}
    gate:
      when: count("person", "gaet") > 0
    dog: {when: count("dgo") > 0}
    never: {when: 2 > 3 && "a" == "a"}
    at-night: {when: "true", schedule: [{from: "22:00", to: "06:00"}]}
`,
    );
    const { code, stderr } = await check(['rules.yaml']);
    expect(code).toBe(78);
    expect(stderr.trimEnd().split('\n').slice(1)).toEqual([
      expect.stringMatching(
        /^ {2}10:17 edge\.rules\.hot\.when: at character 1: there is no variable temprature; did you mean temperature\?/,
      ),
      expect.stringMatching(
        /^ {2}11:21 edge\.rules\.bad-air\.when: at character 1: write air_quality: a minus subtracts$/,
      ),
      expect.stringMatching(/^ {2}11:50 edge\.rules\.bad-air\.text: at character 21: there is no variable humidity;/),
      expect.stringMatching(
        /^ {2}13:13 edge\.rules\.gate\.when: at character 17: there is no zone or camera "gaet"; did you mean gate\?/,
      ),
      expect.stringMatching(
        /^ {2}14:17 .*rules\.dog\.when: warning: at character 7: no camera tracks "dgo"; tracked: person/,
      ),
      expect.stringMatching(
        /^ {2}15:19 .*rules\.never\.when: warning: it is always false: it asks for no sensor, camera or time$/,
      ),
    ]);
  });
});

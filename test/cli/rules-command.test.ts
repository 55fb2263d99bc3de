import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runVedette } from './vedette-process.js';

const T = 1_789_000_000_000;
const CONFIG = `
edge:
  node: cam1
  cameras: {front: {source: "sim:1", zones: {gate: {polygon: [[0, 0], [1, 0], [1, 1]]}}}}
  sensors: {temperature: {source: "sim:temperature"}}
  rules:
    hot: {when: temperature > 30.0, clear: temperature < 28.0, for: 60s, text: "{temperature} °C"}
    gate: {when: 'count("person", "gate") > 0', for: 5s, clearFor: 10s, text: '{count("person", "gate")} at the gate'}
`;

const line = (s: number, atS: number, fields: object) => JSON.stringify({ s, t: T + atS * 1000, ...fields });
const track = (s: number, atS: number, ev: string, id: number, z?: string[]) =>
  line(s, atS, {
    k: 'track',
    c: 'front',
    ev,
    id,
    l: 'person',
    p: 900,
    b: [0, 0, 1, 1],
    ...(z === undefined ? {} : { z }),
  });
const RECORDS = [
  line(1, 0, { k: 'open', prev: null, inst: 'x', sw: '1', model: null, labels: ['person'], cameras: ['front'] }),
  track(2, 10, 'new', 1),
  track(3, 12, 'update', 1, ['gate']),
  track(4, 40, 'end', 1, ['gate']),
  track(5, 45, 'new', 2, ['gate']),
  track(6, 300, 'end', 2, ['gate']),
  line(7, 400, { k: 'loss', why: 'io', n: 1 }),
];
const message = (topic: string, payload: object) => `vedette/1/node/${topic} ${JSON.stringify({ v: 1, ...payload })}`;
const temperature = (atS: number, value: number) =>
  message('cam1/sensor/temperature', { value, unit: '°C', atMs: T + atS * 1000, ok: true });
const LIVE = message('cam1/live', { e: 'abcdefghijkl', r: RECORDS.map((text) => JSON.parse(text)) });
const CAPTURE = [
  'vedette/1/node/cam1/camera/front/motion ON',
  message('cam1/camera/front/state', { ok: true, fps: 10, frameAgeMs: 1, atMs: T }),
  temperature(0, 25),
  temperature(60, 31),
  temperature(200, 29),
  temperature(390, 27),
  message('cam2/sensor/temperature', { value: 99, unit: '°C', atMs: T + 1000, ok: true }),
  LIVE,
  // QoS 1: it may come twice.
  LIVE,
  'vedette/1/node/cam1/sensor/temperature nonsense',
  'elsewhere/a b',
];

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-rules-test-'));
  const folder = join(dir, 'records', 'abcdefghijkl');
  await mkdir(folder, { recursive: true });
  await writeFile(join(dir, 'node.yaml'), CONFIG);
  await writeFile(join(dir, 'records.jsonl'), RECORDS.join('\n'));
  await writeFile(join(folder, '00000001.jsonl.gz'), gzipSync(`${RECORDS.slice(0, 4).join('\n')}\n`));
  await writeFile(join(folder, '00000002.jsonl'), RECORDS.slice(4).join('\n'));
  await writeFile(join(folder, 'index.jsonl'), '{"n":1}\n');
  const rows = RECORDS.map((text) => ({ node: 'cam1', epoch: 'abcdefghijkl', ...JSON.parse(text) })).reverse();
  const foreign = { ...JSON.parse(track(1, 20, 'new', 9, ['gate'])), node: 'cam2', epoch: 'bcdefghijkla' };
  await writeFile(join(dir, 'answer.json'), `${JSON.stringify({ shape: 'list', rows: [foreign, ...rows] })}\n`);
});
afterAll(() => rm(dir, { recursive: true }));

const rulesTest = (args: readonly string[], input?: string) =>
  runVedette(['rules', 'test', 'node.yaml', ...args], {
    cwd: dir,
    env: { TZ: 'UTC' },
    ...(input === undefined ? {} : { input }),
  });

const GATE_RAISED = { kind: 'raise', rule: 'gate', alert: { raisedAtMs: T + 17_000, text: '1 at the gate' } };

describe('vedette rules test', () => {
  it('shows when rules would have fired, what they could not tell, and what it cost', async () => {
    const { code, stdout, stderr } = await rulesTest(['--replay', '-'], CAPTURE.join('\n'));
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^time +rule +event +severity +text$/),
      expect.stringMatching(/^-/),
      expect.stringMatching(/^2026-09-10 00:26:57 +gate +raise +warning +1 at the gate$/),
      expect.stringMatching(/^2026-09-10 00:28:40 +hot +raise +warning +31 °C$/),
      expect.stringMatching(/^2026-09-10 00:31:50 +gate +clear +warning +after 293 s, over$/),
      expect.stringMatching(/^2026-09-10 00:33:10 +hot +clear +warning +after 270 s, over$/),
      '',
      expect.stringMatching(/^rule +raised +open for +now +unknown$/),
      expect.stringMatching(/^-/),
      expect.stringMatching(/^hot +1 +270 s +- +\d/),
      expect.stringMatching(/^gate +1 +293 s +- +\d/),
    ]);
    expect(stderr).toMatch(/2 lines were neither records nor messages/);
    expect(stderr).toMatch(/\d+ evaluations in \d+ ms, [\d.]+ us each/);
  });

  it.each(['records.jsonl', 'records', 'answer.json'])('takes records as they are found: %s', async (replay) => {
    const { code, stdout } = await rulesTest(['--replay', replay, '--rule', 'gate', '--json']);
    const { news, rules, hasCameraStates } = JSON.parse(stdout);
    expect({ code, hasCameraStates }).toEqual({ code: 0, hasCameraStates: false });
    expect(news).toMatchObject([GATE_RAISED, { kind: 'clear', rule: 'gate', why: 'over', atMs: T + 310_000 }]);
    expect(rules).toMatchObject([{ rule: 'gate', raised: 1, isOpen: false, unknown: 0 }]);
  });

  it('says of a rule over a sensor that records do not tell it', async () => {
    const { code, stderr } = await rulesTest(['--replay', 'records.jsonl', '--rule', 'hot']);
    expect(code).toBe(0);
    expect(stderr).toContain('hot could not tell 100 % of the time: sensor temperature has not read yet');
    expect(stderr).toContain('the recording does not tell how the cameras were: taken as seeing');
  });

  it.each([
    [['--replay', 'node.yaml'], 69, /replay node\.yaml: it holds no records .*\n {2}hint: a file of record lines/],
    [['--replay', 'nowhere'], 69, /replay nowhere: no such file or folder/],
    [['--replay', '.', '--rule', 'cold'], 64, /no rule cold; there is: hot, gate/],
    [[], 64, /--replay/],
  ])('%j ends with a clear word', async (args, expected, words) => {
    const { code, stderr } = await rulesTest(args);
    expect(code).toBe(expected);
    expect(stderr).toMatch(words);
  });

  it('does not run a rule with a fault', async () => {
    await writeFile(join(dir, 'broken.yaml'), CONFIG.replace('temperature > 30.0', 'temprature > 30.0'));
    const { code, stderr } = await runVedette(['rules', 'test', 'broken.yaml', '--replay', 'records.jsonl'], {
      cwd: dir,
    });
    expect(code).toBe(78);
    expect(stderr).toMatch(/ 7:17 edge\.rules\.hot\.when: at character 1: there is no variable temprature/);
  });
});

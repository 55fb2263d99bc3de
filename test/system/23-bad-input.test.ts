import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { describeWithProgram } from '../fixtures.js';
import { field, Program, until } from './demo-run.js';
import type { Listener } from './listener.js';
import { endProgram, Site } from './site.js';
import { EVERY_FRAME, writePersonModel } from './stand-in-models.js';

let site: Site | undefined;

afterEach(async () => {
  await site?.close();
  site = undefined;
});

async function system(...argv: string[]): Promise<number | null> {
  const [program = '', ...args] = argv;
  return new Program(program, args).exit;
}

/** A site with one node that sees one person and tells of it with every frame. */
async function watchingSite(): Promise<{
  site: Site;
  listener: Listener;
  cameras: Readonly<Record<string, unknown>>;
  more: Readonly<Record<string, unknown>>;
}> {
  const opened = await Site.open('cam1', 'cam2');
  site = opened;
  const path = opened.path('picture.jpg');
  await sharp({ create: { width: 160, height: 120, channels: 3, background: '#667788' } }).toFile(path);
  const talkative = { events: { updateEveryMs: 0, moveMin: 0 } };
  return {
    site: opened,
    listener: opened.listen(),
    cameras: { front: { source: { driver: 'file', path, fps: 10 }, ...EVERY_FRAME, ...talkative } },
    more: { model: { path: writePersonModel(opened.dir) } },
  };
}

const isOnline = (listener: Listener, node: string) => field(listener.last('status', { node }), 'state') === 'online';

describe('a configuration with faults', () => {
  it('is refused with all of them at once, by line, and 78', async () => {
    const at = new Site();
    site = at;
    writeFileSync(
      at.path('bad.yaml'),
      [
        'site:',
        '  brokers: [http://broker]',
        'edge:',
        '  node: Cam 1',
        '  colour: blue',
        '  model: { threads: many }',
        '  cameras:',
        '    front:',
        '      source: floppy:A',
        '    back:',
        '      source: { driver: file, path: x.mjpeg, fps: -3 }',
        '      motion: { treshold: 4 }',
        '',
      ].join('\n'),
    );
    const { code, lines, errors } = await at.run('edge', '--config', at.path('bad.yaml'), '--state', at.path('state'));
    expect({ code, lines }).toEqual({ code: 78, lines: [] });
    const told = errors.join('\n');
    for (const [line, what] of [
      [2, 'site.brokers'],
      [4, 'edge.node'],
      [5, 'edge.colour'],
      [6, 'edge.model.threads'],
      [9, 'edge.cameras.front.source'],
      [11, 'edge.cameras.back.source.fps'],
      [12, 'edge.cameras.back.motion'],
    ] as const) {
      expect(told).toMatch(new RegExp(`^\\s+${line}:\\d+ ${what.replaceAll('.', '\\.')}`, 'm'));
    }
    const whole = await at.run('config', 'check', at.path('bad.yaml'));
    expect(whole.code).toBe(78);
  });
});

describeWithProgram('mosquitto_sub', 'a node with a wrong password', () => {
  it('says so and goes on trying, comes online when it is mended, and ends when it is told to', async () => {
    const { site: at, listener, cameras, more } = await watchingSite();
    copyFileSync(at.path('users'), at.path('users.before'));
    await at.run('broker', 'passwd', at.path('users'), 'cam1', '--generate');
    const before = readFileSync(at.path('cam1.password'), 'utf8').trim();
    const oldLogin = [
      '-h',
      '127.0.0.1',
      '-p',
      `${at.port}`,
      '-u',
      'cam1',
      '-i',
      'cam1-bulk',
      '-P',
      before,
      '-t',
      'x',
      '-n',
    ];
    for (let code: number | null = 0; code === 0; ) code = await system('mosquitto_pub', ...oldLogin);
    const edge = at.edge('cam1', cameras, more);
    await until(
      () => `it says so: ${edge.errors.join('\n')}`,
      () => edge.errors.find((line) => /not authori[sz]ed|refused|password/i.test(line)),
      30_000,
    );
    expect(edge.isOver).toBe(false);
    expect(listener.heard('status', { node: 'cam1' })).toEqual([]);
    writeFileSync(at.path('users'), readFileSync(at.path('users.before')));
    await listener.waitFor('it is online', () => isOnline(listener, 'cam1'), 60_000);
    // What it saw meanwhile is not lost.
    await listener.waitFor('its first record', () => listener.records('cam1').some(({ s }) => s === 1));
    expect(await endProgram(edge)).toBe(0);

    const wrong = at.path('wrong.password');
    writeFileSync(wrong, 'not-the-password\n', { mode: 0o600 });
    const other = at.edge('cam2', cameras, { ...more, passwordFile: wrong });
    await until(
      'it says so',
      () => other.errors.find((line) => /not authori[sz]ed|refused|password/i.test(line)),
      30_000,
    );
    expect(await endProgram(other)).toBe(0);
    expect(listener.heard('status', { node: 'cam2' })).toEqual([]);
  }, 120_000);
});

describeWithProgram('mosquitto_sub', 'clients that want to be somebody else', () => {
  it('get neither an id nor a will of another, and nobody is thrown out for them', async () => {
    const { site: at, listener, cameras, more } = await watchingSite();
    const first = at.edge('cam1', cameras, more);
    await listener.waitFor('cam1 is online', () => isOnline(listener, 'cam1'));
    await listener.waitFor('cam1 has seen something', () => listener.records('cam1').length > 0);
    const password = (name: string) => readFileSync(at.path(`${name}.password`), 'utf8').trim();
    const client = (...args: string[]) => ['mosquitto_pub', '-h', '127.0.0.1', '-p', `${at.port}`, '-q', '1', ...args];
    const asCam2 = ['-u', 'cam2', '-P', password('cam2')];
    const motion = 'vedette/1/node/cam1/camera/front/motion';
    const will = [
      '--will-topic',
      'vedette/1/node/cam1/status',
      '--will-payload',
      '{}',
      '--will-retain',
      '--will-qos',
      '1',
    ];

    expect(await system(...client(...asCam2, '-i', 'cam1', '-t', motion, '-m', 'ON'))).not.toBe(0);
    expect(await system(...client(...asCam2, '-i', 'cam2', ...will, '-t', motion, '-m', 'ON'))).not.toBe(0);
    expect(await system(...client('-u', 'cam1', '-P', 'guess', '-i', 'cam1', '-t', motion, '-m', 'ON'))).not.toBe(0);
    await system(...client(...asCam2, '-i', 'cam2', '-r', '-t', motion, '-m', 'ON'));

    expect(new Set(listener.records('cam1').map(({ epoch }) => epoch)).size).toBe(1);
    expect(listener.payloads('status', { node: 'cam1' }).map((status) => field(status, 'state'))).toEqual(['online']);
    // The gate is off, so the node itself never says ON.
    expect(listener.heard('motion', { node: 'cam1' }).map(({ payload }) => `${payload}`)).not.toContain('ON');

    // The same board twice, a card that was cloned: two processes with one identity. They throw each other out until
    // one of them says what is wrong and holds back; what each of them saw is told apart by its epoch.
    const twin = at.edgeWith('twin', at.edgeSections('cam1', cameras, more), at.path('state-of-twin'));
    const both = [first, twin];
    await until(
      () => `one of them says so\n${at.said()}`,
      () => both.some(({ errors }) => errors.some((line) => line.includes('is there a second device with this name'))),
      40_000,
    );
    const seen = listener.records('cam1').length;
    await listener.waitFor('records go on', () => listener.records('cam1').length > seen + 20);
    const epochs = new Set(listener.records('cam1').map(({ epoch }) => epoch));
    expect(epochs.size).toBe(2);
    expect(both.some(({ isOver }) => isOver)).toBe(false);
    expect(await endProgram(twin)).toBe(0);
  }, 90_000);
});

describeWithProgram('mosquitto_sub', 'payloads that cannot be taken', () => {
  it('are diverted and told, are not passed on, and change nothing for anybody else', async () => {
    const { site: at, listener } = await watchingSite();
    const password = readFileSync(at.path('cam2.password'), 'utf8').trim();
    const health = 'vedette/1/node/cam2/health';
    const nested = `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`;
    const sensor = JSON.stringify({ v: 1, value: 21, unit: 'C', atMs: Date.now(), ok: true });
    const bad: [string, string, RegExp][] = [
      [health, 'hello', /not JSON/],
      [health, '{"v":1}', /load|cpu|expected/i],
      [health, `{"v":1,"pad":"${'x'.repeat(40_000)}"}`, /bytes/],
      [health, nested, /nested/],
      ['vedette/1/node/cam2/camera/FRONT/motion', 'ON', /grammar/],
      ['vedette/1/node/cam2/camera/front/count/person', 'many', /integer/],
      ['vedette/1/node/cam2/nonsense', '{}', /no such topic/],
    ];
    for (const [topic, payload] of bad) {
      const file = at.path('payload');
      writeFileSync(file, payload);
      await system(
        ...[
          'mosquitto_pub',
          '-h',
          '127.0.0.1',
          '-p',
          `${at.port}`,
          '-q',
          '1',
          '-i',
          'cam2',
          '-u',
          'cam2',
          '-P',
          password,
        ],
        ...['-r', '-t', topic, '-f', file],
      );
    }
    // A newer minor with fields nobody here knows is no fault: readers ignore what they do not know.
    const newer = JSON.stringify({
      ...(field({ sensor: parseJson(sensor) }, 'sensor') as object),
      v: 99,
      later: { x: 1 },
    });
    await system(
      ...[
        'mosquitto_pub',
        '-h',
        '127.0.0.1',
        '-p',
        `${at.port}`,
        '-q',
        '1',
        '-i',
        'cam2',
        '-u',
        'cam2',
        '-P',
        password,
      ],
      ...['-r', '-t', 'vedette/1/node/cam2/sensor/heat', '-m', newer],
    );
    await listener.waitFor('the newer one', () => field(listener.last('sensor', { sensor: 'heat' }), 'v') === 99);
    const reports = await listener.waitFor('all reports', () => {
      const told = listener.payloads('brokerQuarantine');
      return told.length >= bad.length && told;
    });
    bad.forEach(([topic, , reason], i) => {
      expect(reports[i]).toMatchObject({ client: 'cam2', topic });
      expect(String(field(reports[i], 'reason'))).toMatch(reason);
    });
    expect(listener.heard('health', { node: 'cam2' })).toEqual([]);
    expect(listener.heard('count', { node: 'cam2' })).toEqual([]);
    // Another major is another language: not ours to pass on.
    await system(
      ...[
        'mosquitto_pub',
        '-h',
        '127.0.0.1',
        '-p',
        `${at.port}`,
        '-q',
        '1',
        '-i',
        'cam2',
        '-u',
        'cam2',
        '-P',
        password,
      ],
      ...['-t', 'vedette/2/node/cam2/status', '-m', '{}'],
    );
    expect(listener.messages.some(({ topic }) => topic.startsWith('vedette/2/'))).toBe(false);
  }, 60_000);
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: full and read-only disks: only root may mount one');

(isRoot || process.env.CI === 'true' ? describe : describe.skip)('the disk of a node', () => {
  async function mount(at: Site, name: string): Promise<string> {
    const folder = at.folder(name);
    expect(await system('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder)).toBe(0);
    at.atEnd(() => system('umount', folder));
    return folder;
  }

  const diskOk = (listener: Listener) => field(listener.last('health', { node: 'cam1' }), 'disk', 'ok');

  it('is full: detection and publishing go on, health says so, and the log is whole once there is room', async () => {
    const { site: at, listener, cameras, more } = await watchingSite();
    const card = await mount(at, 'card');
    const edge = at.edgeWith('cam1', at.edgeSections('cam1', cameras, more), card);
    await listener.waitFor('records', () => listener.records('cam1').length > 20);
    fill(join(card, 'ballast'));
    await listener.waitFor('health says so', () => diskOk(listener) === false);
    expect(String(field(listener.last('health'), 'disk', 'reason'))).toMatch(/space|full|ENOSPC/i);
    expect(field(listener.last('health'), 'load')).toBe('overloaded');
    const seen = listener.records('cam1').length;
    await listener.waitFor('records go on', () => listener.records('cam1').length > seen + 30);
    writeFileSync(join(card, 'ballast'), '');
    await listener.waitFor('health says that it is over', () => diskOk(listener) === true);
    expect(await endProgram(edge)).toBe(0);
    const numbers = listener.records('cam1').map(({ s }) => s);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(listener.payloads('status', { node: 'cam1' }).map((status) => field(status, 'state'))).toEqual([
      'online',
      'stopped',
    ]);
    expect(recordsOn(card)).toEqual(numbers);

    // The next life starts on a full disk as well: nothing of it is on the card, all of it on the wire.
    fill(join(card, 'ballast'));
    at.edgeWith('cam1', at.edgeSections('cam1', cameras, more), card);
    await listener.waitFor('a second epoch', () => {
      const records = listener.records('cam1').slice(numbers.length);
      return records.length > 20 && records[0]?.k === 'open';
    });
    await listener.waitFor('health says so', () => diskOk(listener) === false);
  }, 120_000);

  it('is read-only: a node that was there before goes on, and the log is whole once it can be written', async () => {
    const { site: at, listener, cameras, more } = await watchingSite();
    const card = await mount(at, 'card');
    const start = () => at.edgeWith('cam1', at.edgeSections('cam1', cameras, more), card);
    const first = start();
    await listener.waitFor('records', () => listener.records('cam1').length > 5);
    expect(await endProgram(first)).toBe(0);
    const before = listener.records('cam1').length;
    expect(await system('mount', '-o', 'remount,ro', card)).toBe(0);
    const second = start();
    await listener.waitFor('records', () => listener.records('cam1').length > before + 20);
    await listener.waitFor('health says so', () => diskOk(listener) === false);
    expect(await system('mount', '-o', 'remount,rw', card)).toBe(0);
    await listener.waitFor('health says that it is over', () => diskOk(listener) === true);
    expect(await endProgram(second)).toBe(0);
    const numbers = listener
      .records('cam1')
      .slice(before)
      .map(({ s }) => s);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(recordsOn(card, listener.records('cam1').at(-1)?.epoch)).toEqual(numbers);
  }, 90_000);

  it('cannot be written at the first start: refused with 73 and the folder', async () => {
    const { site: at, cameras, more } = await watchingSite();
    const card = await mount(at, 'card');
    expect(await system('mount', '-o', 'remount,ro', card)).toBe(0);
    const edge = at.edgeWith('cam1', at.edgeSections('cam1', cameras, more), card);
    expect(await edge.exit).toBe(73);
    expect(edge.errors.join('\n')).toContain(card);
  }, 30_000);
});

describeWithProgram('mosquitto_sub', 'two of a kind', () => {
  it('a second process on the state of a node is refused with 73; the first goes on', async () => {
    const { site: at, listener, cameras, more } = await watchingSite();
    const first = at.edge('cam1', cameras, more);
    await listener.waitFor('records', () => listener.records('cam1').length > 3);
    const second = at.edge('cam1', cameras, more);
    expect(await second.exit).toBe(73);
    expect(second.errors.join('\n')).toMatch(/another process uses this folder/);
    const seen = listener.records('cam1').length;
    await listener.waitFor('the first goes on', () => listener.records('cam1').length > seen + 10);
    expect(first.isOver).toBe(false);
    expect(listener.payloads('status', { node: 'cam1' })).toHaveLength(1);
  }, 60_000);

  it('a second broker on a port is refused with 69, on a state folder with 73', async () => {
    const at = await Site.open();
    site = at;
    const tcp = { host: '127.0.0.1', port: at.port };
    const config = at.writeConfig('second', { broker: { tcp, passwordFile: at.path('users') } });
    const busy = await at.run('broker', '--config', config, '--state', at.path('other-state'));
    expect(busy.code).toBe(69);
    expect(busy.errors.join('\n')).toContain(`127.0.0.1:${at.port}`);
    const free = at.writeConfig('third', { broker: { tcp: { ...tcp, port: 0 }, passwordFile: at.path('users') } });
    const locked = await at.run('broker', '--config', free, '--state', at.path('state'));
    expect(locked.code).toBe(73);
  }, 30_000);
});

/** Writes until the disk is full. */
function fill(path: string): void {
  const block = Buffer.alloc(4096, 1);
  expect(() => {
    for (let i = 0; i < 10_000; i++) writeFileSync(path, block, { flag: 'a' });
  }).toThrow(/ENOSPC/);
}

/** Sequence numbers of the records that lie in a node's folder, of all epochs or of one. */
function recordsOn(stateDir: string, epoch?: string): number[] {
  const folder = join(stateDir, 'edge', 'cam1', 'records');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.(jsonl|jsonl\.gz|gz)$/.test(name) && (epoch === undefined || name.includes(epoch)),
  );
  const lines = files.sort().flatMap((name) => {
    const bytes = readFileSync(join(folder, name));
    return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').split('\n');
  });
  const records = lines.filter((line) => line !== '').map((line) => parseJson(line));
  return records
    .flatMap((record) => {
      const s = Number(field(record, 's'));
      return Number.isInteger(s) ? [s] : [];
    })
    .sort((a, b) => a - b);
}

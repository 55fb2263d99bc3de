import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { constantModel } from '../edge/vision/onnx-builder.js';
import { describeWithProgram } from '../fixtures.js';
import { descendants, field, isAlive, Program, until } from './demo-run.js';
import type { Listener } from './listener.js';
import { childrenOf, Site, visionOf } from './site.js';
import { EVERY_FRAME, write, writeHangingModel, writePersonModel } from './stand-in-models.js';

let site: Site | undefined;

afterEach(async () => {
  await site?.close();
  site = undefined;
});

const counts = (listener: Listener, camera: string) =>
  listener.heard('count', { camera, label: 'person' }).map(({ payload }) => `${payload}`);

async function grey(path: string, level: number): Promise<void> {
  const background = { r: level, g: level, b: level };
  await sharp({ create: { width: 160, height: 120, channels: 3, background } })
    .jpeg()
    .toFile(path);
}

/** What must hold of a node's log and presence whatever its vision process suffered. */
function expectWholeLog(listener: Listener, camera: string): void {
  const records = listener.records('cam1');
  expect(new Set(records.map(({ epoch }) => epoch)).size).toBe(1);
  expect(records.map(({ s }) => s)).toEqual(records.map((_, i) => i + 1));
  const tracks = listener.tracks('cam1', camera).filter(({ ev }) => ev !== 'update');
  expect(tracks.map(({ ev }) => ev)).toEqual(tracks.map((_, i) => (i % 2 === 0 ? 'new' : 'end')));
  const ids = tracks.filter(({ ev }) => ev === 'new').map(({ id }) => Number(id));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids).size).toBe(ids.length);
  tracks.forEach((record, i) => {
    if (i % 2 === 1) expect(record.id).toBe(tracks[i - 1]?.id);
  });
  expect(listener.payloads('status', { node: 'cam1' }).map((status) => field(status, 'state'))).toEqual(['online']);
}

describeWithProgram('mosquitto_sub', 'the vision process of a node', () => {
  it('is ended at the deadline when a model never returns, and started again, as often as it takes', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    const shown = site.path('shown.jpg');
    const dark = site.path('dark.jpg');
    const bright = site.path('bright.jpg');
    await grey(dark, 90);
    await grey(bright, 250);
    copyFileSync(dark, shown);
    const edge = site.edge(
      'cam1',
      { front: { source: { driver: 'file', path: shown, fps: 10 }, ...EVERY_FRAME } },
      { model: { path: writeHangingModel(site.dir) }, limits: { frameDeadlineMs: 1500 } },
    );
    await listener.waitFor('a person', () => counts(listener, 'front').includes('1'));
    for (const times of [1, 2]) {
      const hung = await visionOf(edge);
      copyFileSync(bright, shown);
      await listener.waitFor(`it is ended, ${times}.`, () => !isAlive(hung), 60_000);
      copyFileSync(dark, shown);
      const seen = await listener.waitFor('the camera says why', () => {
        const reasons = listener.payloads('cameraState', { camera: 'front' }).map((state) => field(state, 'reason'));
        return reasons.filter((reason) => reason === 'detector').length >= times && reasons.lastIndexOf('detector');
      });
      expect(String(field(listener.payloads('cameraState', { camera: 'front' })[seen], 'detail'))).toContain(
        'frame-deadline',
      );
      await listener.waitFor(
        'it sees again',
        () =>
          counts(listener, 'front').join('').endsWith('1') &&
          counts(listener, 'front').filter((c) => c === '1').length > times,
      );
    }
    await listener.waitFor(
      'health counts it',
      () => Number(field(listener.last('health'), 'drops', 'visionDeadlines')) === 2,
    );
    expectWholeLog(listener, 'front');
    // The main process never waits for the vision process: it beat all the time.
    const beats = listener.payloads('beat', { node: 'cam1' });
    expect(beats.map((beat) => field(beat, 'seq'))).toEqual(beats.map((_, i) => Number(field(beats[0], 'seq')) + i));
  }, 240_000);

  it('is started again when it is killed or stopped, and nobody who was in view is forgotten', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    await grey(site.path('picture.jpg'), 90);
    const edge = site.edge(
      'cam1',
      { front: { source: { driver: 'file', path: site.path('picture.jpg'), fps: 10 }, ...EVERY_FRAME } },
      { model: { path: writePersonModel(site.dir) }, limits: { frameDeadlineMs: 2000 } },
    );
    for (const [times, signal] of (['SIGKILL', 'SIGSTOP', 'SIGKILL', 'SIGSEGV'] as const).entries()) {
      await listener.waitFor(`a person, ${times}.`, () => {
        const told = counts(listener, 'front');
        return told.at(-1) === '1' && told.filter((count) => count === '1').length === times + 1;
      });
      const vision = await visionOf(edge);
      process.kill(vision, signal);
      await listener.waitFor(`${signal}: it is gone`, () => !isAlive(vision), 60_000);
      await listener.waitFor(`${signal}: nobody in view`, () => counts(listener, 'front').at(-1) === '0');
      await listener.waitFor(`${signal}: the camera says why`, () => {
        const told = listener.payloads('cameraState', { camera: 'front' });
        return told.filter((state) => field(state, 'reason') === 'detector').length === times + 1;
      });
    }
    await listener.waitFor('it sees again', () => counts(listener, 'front').at(-1) === '1');
    expectWholeLog(listener, 'front');
    const details = listener
      .payloads('cameraState', { camera: 'front' })
      .filter((state) => field(state, 'reason') === 'detector');
    expect(details.map((state) => String(field(state, 'detail')).replace(/^.*\((.*)\)$/, '$1'))).toEqual([
      'SIGKILL',
      'frame-deadline',
      'SIGKILL',
      'SIGSEGV',
    ]);
  }, 240_000);

  it('leaves no capture program behind, not even silent ones, when it is killed and when all of the node is', async () => {
    site = await Site.open('cam1');
    const source = (seed: string) => ({ driver: 'sim', seed, argv: ['sleep', '601'] });
    const cameras = Array.from({ length: 12 }, (_, i) => [`c${i}`, { source: source(`${i}`), ...EVERY_FRAME }]);
    const edge = site.edge('cam1', Object.fromEntries(cameras), { model: { path: writePersonModel(site.dir) } });
    const programs = () => {
      const found = childrenOf(edge, 'sleep\u0000601');
      return found.length === cameras.length && found;
    };
    const first = await until('a program for each camera', programs, 90_000);
    expect(edge.errors.join('\n')).not.toContain('MaxListenersExceeded');
    process.kill(await visionOf(edge), 'SIGKILL');
    await until('they are gone', () => first.every((pid) => !isAlive(pid)), 60_000);
    const second = await until('new programs', programs, 90_000);
    expect(second.filter((pid) => first.includes(pid))).toEqual([]);
    process.kill(edge.child.pid ?? 0, 'SIGKILL');
    await until('nothing is left', () => second.every((pid) => !isAlive(pid)), 60_000);
  }, 300_000);

  it('is ended and started again when it takes more memory than it may', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    await grey(site.path('picture.jpg'), 90);
    // 96 MiB is the least that may be set; the process needs about that for itself.
    site.edge(
      'cam1',
      { front: { source: { driver: 'file', path: site.path('picture.jpg'), fps: 10 }, ...EVERY_FRAME } },
      { model: { path: writePersonModel(site.dir) }, limits: { visionMemoryMaxMiB: 96 } },
    );
    const state = await listener.waitFor('the camera says why', () =>
      listener.payloads('cameraState', { camera: 'front' }).find((one) => field(one, 'reason') === 'detector'),
    );
    expect(String(field(state, 'detail'))).toContain('memory');
    await listener.waitFor(
      'health counts it',
      () => Number(field(listener.last('health'), 'drops', 'visionMemory')) > 0,
    );
    expect(listener.payloads('status', { node: 'cam1' }).map((status) => field(status, 'state'))).toEqual(['online']);
  }, 180_000);
});

describe('a model that cannot be used is refused with 78 and one line that names the file', () => {
  async function refused(write: (dir: string) => string, ...says: (string | RegExp)[]): Promise<void> {
    site = await Site.open('cam1');
    const path = write(site.dir);
    await grey(site.path('picture.jpg'), 90);
    const edge = site.edge(
      'cam1',
      { front: { source: { driver: 'file', path: site.path('picture.jpg') }, ...EVERY_FRAME } },
      { model: { path }, logLevel: 'silent' },
    );
    const code = await until(
      () => `it ends: ${edge.errors.join('\n')}`,
      () => edge.isOver && edge.exit,
      120_000,
    );
    expect({ code, said: edge.errors }).toMatchObject({ code: 78 });
    const [line = '', ...more] = edge.errors;
    expect(line).toContain(path.replace(/\.onnx$/, ''));
    for (const text of says) expect(line).toMatch(text);
    expect(more.every((other) => other.startsWith('  hint: '))).toBe(true);
    expect(more.length).toBeLessThanOrEqual(1);
  }

  it.each<[string, (dir: string) => string, RegExp]>([
    ['that is not there', (dir) => resolve(dir, 'missing.onnx'), /no such file/],
    [
      'that is a web page',
      (dir) => {
        writeFileSync(resolve(dir, 'page.onnx'), '<!doctype html><html><body>404</body></html>');
        return resolve(dir, 'page.onnx');
      },
      /web page/,
    ],
    [
      'that was cut off',
      (dir) => {
        const path = writePersonModel(dir);
        writeFileSync(path, readFileSync(path).subarray(0, 90));
        return path;
      },
      /not an ONNX model|sha256/,
    ],
    [
      'whose sum is another',
      (dir) => {
        const path = writePersonModel(dir);
        writeHangingModel(dir, 'person.onnx');
        const other = writePersonModel(dir, 'other.onnx');
        copyFileSync(other.replace('.onnx', '.manifest.json'), path.replace('.onnx', '.manifest.json'));
        return path;
      },
      /sha256 is [0-9a-f]{64}/,
    ],
    [
      'whose outputs are others',
      (dir) => {
        const image = { name: 'image', dtype: 'float32' as const, dims: [1, 3, 64, 64] };
        const rows = { name: 'rows', dtype: 'float32' as const, dims: [1, 2, 5], values: new Array(10).fill(0) };
        return write(dir, 'five.onnx', constantModel([image], [rows]), { family: 'end2end' });
      },
      /no output of end2end rows \[\?, 6\]; it has rows \[1, 2, 5\]/,
    ],
    [
      'with an operator that may turn for ever',
      (dir) => {
        const path = writeHangingModel(dir);
        const manifest = path.replace('.onnx', '.manifest.json');
        writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"ssd"', '"end2end"'));
        return path;
      },
      /operator Loop/,
    ],
  ])(
    'one %s',
    async (_, make, says) => {
      await refused(make, says);
    },
    180_000,
  );
});

describeWithProgram('ffmpeg', 'a node whose main process is killed', () => {
  it('leaves neither its vision process nor a camera program behind', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    const video = site.path('clip.mp4');
    await makeVideo(video);
    const camera = [process.execPath, resolve('dist/cli/vedette.js'), 'sim', 'camera', '--pipe', '--size', '160x120'];
    const edge = site.edge(
      'cam1',
      {
        video: { source: { driver: 'file', path: video, fps: 5 }, ...EVERY_FRAME },
        sim: { source: { driver: 'sim', seed: '1', argv: camera }, ...EVERY_FRAME },
      },
      { model: { path: writePersonModel(site.dir) } },
    );
    for (const name of ['video', 'sim']) {
      await listener.waitFor(`a person in ${name}`, () => counts(listener, name).at(-1) === '1');
    }
    // Between the end of the video and its next beginning there is no ffmpeg.
    const family = await until('a vision process, ffmpeg and a camera program', () => {
      const found = descendants(edge.child.pid ?? 0);
      return ['vision-child', 'ffmpeg', 'camera'].every((name) => childrenOf(edge, name).length === 1) && found;
    });
    edge.child.kill('SIGKILL');
    await until('all are gone', () => family.every((pid) => !isAlive(pid)), 60_000);
    await listener.waitFor('its will', () => field(listener.last('status', { node: 'cam1' }), 'state') === 'lost');
  }, 180_000);

  it('leaves none either when its vision process hangs in a model', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    const shown = site.path('shown.jpg');
    await grey(shown, 90);
    const edge = site.edge(
      'cam1',
      { front: { source: { driver: 'file', path: shown, fps: 10 }, ...EVERY_FRAME } },
      { model: { path: writeHangingModel(site.dir) }, limits: { frameDeadlineMs: 60_000 } },
    );
    await listener.waitFor('a person', () => counts(listener, 'front').at(-1) === '1');
    const vision = await visionOf(edge);
    await grey(shown, 250);
    let runs = 0;
    await until(
      'it does nothing but run for a second',
      () => {
        runs = isOnCpu(vision) ? runs + 1 : 0;
        return runs >= 10;
      },
      60_000,
    );
    edge.child.kill('SIGKILL');
    await until('it is gone', () => !isAlive(vision), 60_000);
  }, 180_000);
});

function isOnCpu(pid: number): boolean {
  return /^State:\s*R/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

async function makeVideo(path: string): Promise<void> {
  const ffmpeg = new Program('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=10:duration=5', '-pix_fmt', 'yuv420p', path],
  ]);
  expect(await ffmpeg.exit).toBe(0);
}

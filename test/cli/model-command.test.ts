import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PullServer, serveBytes } from '../edge/vision/pull-server.js';
import { describeWithFixtures } from '../fixtures.js';
import { runVedette } from './vedette-process.js';

let dir = '';
let server = new PullServer();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-model-'));
  server = new PullServer();
  await server.open();
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const model = (...args: string[]) => runVedette(['model', ...args], { cwd: dir });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('vedette model list', () => {
  it('lists known models with name, family, size, input, licence and upstream, and an empty folder', async () => {
    const { code, stdout } = await model('list', '--json');
    expect(code).toBe(0);
    const { known, installed } = JSON.parse(stdout);
    expect(installed).toEqual([]);
    expect(known.length).toBeGreaterThanOrEqual(4);
    for (const entry of known) {
      expect(entry).toMatchObject({
        name: expect.stringMatching(/^[a-z0-9._-]+$/),
        family: expect.any(String),
        widthPx: expect.any(Number),
        heightPx: expect.any(Number),
        bytes: expect.any(Number),
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        licence: expect.any(String),
        upstream: expect.stringMatching(/\//),
        url: expect.stringMatching(/^https:\/\//),
      });
    }
    const table = await model('list');
    for (const { name } of known) expect(table.stdout).toContain(name);
  });

  it('tells of a file without a manifest', async () => {
    await writeFile(join(dir, 'own.onnx'), 'x');
    const { stdout } = await model('list', '--dir', dir, '--json');
    expect(JSON.parse(stdout).installed).toMatchObject([{ path: join(dir, 'own.onnx'), problem: 'no manifest' }]);
  });
});

describe('vedette model pull', () => {
  it('names the models that are known when asked for another', async () => {
    const { code, stderr } = await model('pull', 'yolo99');
    expect(code).toBe(69);
    expect(stderr).toContain('yolox-nano-416');
  });

  it('leaves nothing of a file with a wrong sum: exit code 70', async () => {
    server.handler = (request, response) => serveBytes(request, response, Buffer.from('wrong'));
    const { code, stderr } = await model(
      'pull',
      '--url',
      server.url,
      '--sha256',
      sha256(Buffer.from('right')),
      '--dir',
      dir,
    );
    expect(code).toBe(70);
    expect(stderr).toContain(sha256(Buffer.from('wrong')));
    expect(await readdir(dir)).toEqual([]);
  });

  it('leaves nothing of a file with the right sum that is no model: exit code 78', async () => {
    const bytes = Buffer.from('not a model');
    server.handler = (request, response) => serveBytes(request, response, bytes);
    const { code } = await model('pull', '--url', server.url, '--sha256', sha256(bytes), '--dir', dir);
    expect(code).toBe(78);
    expect(await readdir(dir)).toEqual([]);
  });

  it('ends with 69 where there is no such file', async () => {
    server.handler = (_, response) => response.writeHead(404).end();
    const { code, stderr } = await model('pull', 'yolox-nano-416', '--url', server.url, '--dir', dir);
    expect(code).toBe(69);
    expect(stderr).toContain('HTTP 404');
  });
});

describe('vedette model check', () => {
  it.each([
    ['no model', Buffer.from('hello'), 78],
    ['an empty file', Buffer.alloc(0), 78],
  ])('refuses %s by name', async (_, bytes, expected) => {
    await writeFile(join(dir, 'bad.onnx'), bytes);
    const { code, stderr } = await model('check', 'bad.onnx');
    expect(code).toBe(expected);
    expect(stderr).toContain('bad.onnx');
  });

  it('says that there is no such file, and what helps', async () => {
    const { code, stderr } = await model('check', 'none.onnx');
    expect(code).toBe(78);
    expect(stderr).toMatch(/none\.onnx: no such file\n {2}hint: /);
  });
});

describeWithFixtures('vedette model on real files', (fixtures) => {
  const FILE = join(fixtures, 'models', 'FastestDet.onnx');
  const PICTURE = join(fixtures, 'images', 'bus-people.jpg');

  it('pulls a known model, goes on after Ctrl-C where it was, and writes its manifest', async () => {
    const bytes = await readFile(FILE);
    const pull = ['model', 'pull', 'fastestdet-352', '--url', server.url, '--dir', dir];
    server.handler = (_, response) => {
      response.writeHead(200, { 'content-length': bytes.length, etag: '"f"' });
      response.write(bytes.subarray(0, 400_000));
    };
    const interruptWhen = async () => {
      const part = join(dir, 'FastestDet.onnx.part');
      while ((await stat(part).catch(() => ({ size: 0 }))).size < 400_000)
        await new Promise((done) => setTimeout(done, 10));
    };
    const first = await runVedette(pull, { interruptWhen });
    expect(first).toMatchObject({ code: 75, stderr: 'vedette: run command: stopped by sigint\n' });
    expect(await readdir(dir)).not.toContain('FastestDet.onnx');

    server.handler = (request, response) => serveBytes(request, response, bytes, { etag: '"f"' });
    const second = await runVedette([...pull, '--json']);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({
      path: join(dir, 'FastestDet.onnx'),
      alreadyThere: false,
      warnings: [],
    });
    expect(server.requests.at(-1)).toMatchObject({ range: 'bytes=400000-', ifRange: '"f"' });
    expect((await readdir(dir)).sort()).toEqual(['FastestDet.manifest.json', 'FastestDet.onnx']);
    expect((await readFile(join(dir, 'FastestDet.onnx'))).equals(bytes)).toBe(true);

    const listed = await model('list', '--dir', dir, '--json');
    expect(JSON.parse(listed.stdout).installed).toMatchObject([{ name: 'fastestdet-352', problem: null }]);
    expect((await model('run', 'fastestdet-352', PICTURE, '--dir', dir, '--no-draw')).code).toBe(0);
  });

  it('guesses the manifest of a file from any address, and says that it is a guess', async () => {
    // The documentation string of the model, which changes the sum and nothing else [onnx.proto: ModelProto 6].
    const bytes = Buffer.concat([await readFile(FILE), Buffer.from([0x32, 1, 0x61])]);
    server.handler = (request, response) => serveBytes(request, response, bytes);
    const { code, stdout, stderr } = await model('pull', '--url', server.url, '--sha256', sha256(bytes), '--dir', dir);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: the manifest is a guess, \d+ % sure \(.*\): look it over$/m);
    expect(stdout).toContain(join(dir, 'model.onnx'));
    const manifest = JSON.parse(await readFile(join(dir, 'model.manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ id: 'model', family: 'fastestdet', sha256: sha256(bytes) });
  });

  it('knows a model by the beginning of its name', async () => {
    server.handler = (_, response) => response.writeHead(404).end();
    const { stderr } = await model('pull', 'fastestdet', '--url', server.url, '--dir', dir);
    expect(stderr).toContain('HTTP 404');
  });

  it('checks a known file, and one it has never seen', async () => {
    const known = await model('check', FILE, '--json');
    expect(known.code).toBe(0);
    expect(JSON.parse(known.stdout)).toMatchObject({
      ok: true,
      guess: { known: true, manifest: { family: 'fastestdet' } },
    });
    const text = await model('check', FILE);
    expect(text.stdout).toMatch(/^taken for {2}fastestdet-352/m);
    expect(text.stdout.trimEnd().split('\n').at(-1)).toBe('usable');
  });

  it('writes a manifest only when asked, and replaces one only by force', async () => {
    await writeFile(join(dir, 'm.onnx'), await readFile(FILE));
    await model('check', 'm.onnx');
    expect(await readdir(dir)).toEqual(['m.onnx']);
    expect((await model('check', 'm.onnx', '--write')).code).toBe(0);
    expect(JSON.parse(await readFile(join(dir, 'm.manifest.json'), 'utf8'))).toMatchObject({ family: 'fastestdet' });
    expect((await model('check', 'm.onnx')).stdout, 'told is told, and guessed no more').not.toContain('taken for');
    expect((await model('check', 'm.onnx', '--write')).code).toBe(78);
    expect((await model('check', 'm.onnx', '--write', '--force')).code).toBe(0);
  });

  it('prints boxes and draws them into a picture of the same size', async () => {
    const { code, stdout } = await model('run', FILE, PICTURE, '--out', dir, '--json');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ widthPx: 810, heightPx: 1080, drawn: join(dir, 'bus-people.boxes.jpg') });
    const labels = result.detections.map(({ label }: { label: string }) => label);
    expect(labels).toEqual(expect.arrayContaining(['person', 'bus']));
    const drawn = await sharp(await readFile(result.drawn)).metadata();
    expect(drawn).toMatchObject({ format: 'jpeg', width: 810, height: 1080 });
    const table = await model('run', FILE, PICTURE, '--no-draw');
    expect(table.stdout).toMatch(/^person +0\.\d{3} +\d+ +\d+ +\d+ +\d+$/m);
  });

  it('goes on after a picture that cannot be read, and tells by the exit code', async () => {
    await writeFile(join(dir, 'empty.jpg'), '');
    const { code, stdout, stderr } = await model('run', FILE, 'empty.jpg', 'none.png', PICTURE, '--no-draw', '--json');
    expect(code).toBe(69);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain('empty.jpg');
    expect(stderr).toContain('none.png: no such file');
  });
});

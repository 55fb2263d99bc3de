import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import { Random } from '../../../base/random.js';
import { type DownloadOptions, type DownloadProgress, downloadFile } from '../../../edge/vision/pull/download.js';
import { PULL_LIMITS } from '../../../edge/vision/pull/limits.js';
import { PullServer, serveBytes } from './pull-server.js';

const random = new Random('pull');
const BYTES = Buffer.from(Array.from({ length: 300_000 }, () => random.int(256)));
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
// The rules of the product with waits of milliseconds.
const LIMITS = {
  ...PULL_LIMITS,
  bytesMax: 1_000_000,
  stallMs: 5000,
  retryAfterMaxMs: 20,
  backoff: { firstMs: 1, maxMs: 4, factor: 2 },
};

let dir = '';
let server = new PullServer();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-pull-'));
  server = new PullServer();
  await server.open();
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const target = () => join(dir, 'model.onnx');

function pull(options: Partial<DownloadOptions> = {}) {
  return downloadFile({
    url: server.url,
    sha256: SHA256,
    targetPath: target(),
    limits: LIMITS,
    clock: new SystemClock(),
    random: new Random(1),
    signal: new AbortController().signal,
    ...options,
    onProgress: (progress) => {
      server.heldBytes = progress.receivedBytes;
      options.onProgress?.(progress);
    },
  });
}

/** The pull fails with the code, and nothing that could be taken for the file is left. */
async function expectFailure(code: string, options: Partial<DownloadOptions> = {}): Promise<OperationError> {
  const error = await pull(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(OperationError);
  expect(error).toMatchObject({ code });
  expect(await readdir(dir)).not.toContain('model.onnx');
  if (!(error instanceof OperationError)) throw error;
  return error;
}

async function expectWhole(): Promise<void> {
  expect((await readFile(target())).equals(BYTES)).toBe(true);
  expect(await readdir(dir)).toEqual(['model.onnx']);
}

describe('a download', () => {
  it('gets the file, tells its progress and leaves nothing beside it', async () => {
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    const seen: DownloadProgress[] = [];
    const result = await pull({ onProgress: (progress) => seen.push(progress) });
    expect(result).toEqual({ bytes: BYTES.length, attempts: 1, alreadyThere: false });
    expect(seen.at(-1)).toEqual({ receivedBytes: BYTES.length, totalBytes: BYTES.length, attempt: 1 });
    await expectWhole();
  });

  it('asks for nothing when the file is there with the right sum, and replaces one with another sum', async () => {
    await writeFile(target(), BYTES);
    expect(await pull()).toMatchObject({ alreadyThere: true });
    expect(server.requests).toHaveLength(0);
    await writeFile(target(), 'another file');
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    expect(await pull()).toMatchObject({ alreadyThere: false });
    await expectWhole();
  });

  it('goes on where the connection broke, by Range and If-Range', async () => {
    server.handler = (request, response, index) =>
      serveBytes(request, response, BYTES, { etag: '"one"', ...(index < 2 ? { server, breakAfter: 100_000 } : {}) });
    expect(await pull()).toMatchObject({ attempts: 3 });
    expect(server.requests.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      ['bytes=100000-', '"one"'],
      ['bytes=200000-', '"one"'],
    ]);
    await expectWhole();
  });

  it('goes on in a later call from the part an earlier one left', async () => {
    server.handler = (request, response) =>
      serveBytes(request, response, BYTES.subarray(), { etag: '"e"', server, breakAfter: 60_000 });
    await expectFailure('unreachable', { limits: { ...LIMITS, attemptsMax: 2 } });
    expect((await readFile(`${target()}.part`)).length).toBe(120_000);
    server.handler = (request, response) => serveBytes(request, response, BYTES, { etag: '"e"' });
    await pull();
    expect(server.requests.at(-1)).toMatchObject({ range: 'bytes=120000-', ifRange: '"e"' });
    await expectWhole();
  });

  it('starts anew when the file changed upstream in between', async () => {
    const old = Buffer.alloc(BYTES.length, 7);
    server.handler = (request, response, index) =>
      index === 0
        ? serveBytes(request, response, old, { etag: '"old"', server, breakAfter: 50_000 })
        : serveBytes(request, response, BYTES, { etag: '"new"' });
    expect(await pull()).toMatchObject({ attempts: 2 });
    await expectWhole();
  });

  it('starts anew once when two halves without a tag do not fit together', async () => {
    const old = Buffer.alloc(BYTES.length, 7);
    server.handler = (request, response, index) =>
      serveBytes(request, response, index === 0 ? old : BYTES, index === 0 ? { server, breakAfter: 50_000 } : {});
    expect(await pull()).toMatchObject({ attempts: 3 });
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=50000-', undefined]);
    await expectWhole();
  });

  it('throws away a part of another file or of another address', async () => {
    await writeFile(`${target()}.part`, Buffer.alloc(1000, 1));
    await writeFile(`${target()}.part.json`, JSON.stringify({ url: server.url, sha256: '0'.repeat(64) }));
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    await pull();
    expect(server.requests.map(({ range }) => range)).toEqual([undefined]);
    await expectWhole();
  });

  it('takes the whole again from a server that refuses Range', async () => {
    server.handler = (request, response, index) =>
      serveBytes(request, response, BYTES, { noRange: true, ...(index === 0 ? { server, breakAfter: 70_000 } : {}) });
    expect(await pull()).toMatchObject({ attempts: 2 });
    await expectWhole();
  });

  it('asks again without a range when the part comes from another place than asked', async () => {
    server.handler = (request, response, index) => {
      if (index === 0) return serveBytes(request, response, BYTES, { server, breakAfter: 70_000 });
      if (request.headers.range === undefined) return serveBytes(request, response, BYTES);
      response.writeHead(206, { 'content-range': `bytes 10-19/${BYTES.length}` }).end(BYTES.subarray(10, 20));
    };
    expect(await pull()).toMatchObject({ attempts: 3 });
    await expectWhole();
  });

  it('needs no length: a chunked body is verified by its sum', async () => {
    server.handler = (request, response) => serveBytes(request, response, BYTES, { chunked: true });
    await pull();
    await expectWhole();
  });

  it('survives a part that was complete but for the rename', async () => {
    await writeFile(`${target()}.part`, BYTES);
    await writeFile(`${target()}.part.json`, JSON.stringify({ url: server.url, sha256: SHA256 }));
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    await pull();
    expect(server.requests.map(({ range }) => range)).toEqual([`bytes=${BYTES.length}-`]);
    await expectWhole();
  });

  it('follows redirects, also relative ones', async () => {
    server.handler = (request, response) => {
      if (request.url === '/model.onnx') response.writeHead(302, { location: '/b/c' }).end();
      else if (request.url === '/b/c') response.writeHead(307, { location: 'd' }).end();
      else serveBytes(request, response, BYTES);
    };
    await pull();
    expect(server.requests.map(({ url }) => url)).toEqual(['/model.onnx', '/b/c', '/b/d']);
    await expectWhole();
  });
});

describe('a download that cannot succeed', () => {
  it('ends with the sum of what came when the server gives a wrong file', async () => {
    server.handler = (request, response) => serveBytes(request, response, Buffer.from('<html>not a model</html>'));
    expect((await expectFailure('checksum-mismatch')).message).toContain(SHA256);
    expect(await readdir(dir)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it('ends before the body when the length is not that of the file', async () => {
    server.handler = (request, response) => serveBytes(request, response, BYTES.subarray(0, 1000));
    await expectFailure('checksum-mismatch', { bytes: BYTES.length });
  });

  it('ends when the server claims more than it sends, however often it is asked', async () => {
    server.handler = (request, response) => serveBytes(request, response, BYTES, { claimMore: 10 });
    await expectFailure('unreachable', { limits: { ...LIMITS, attemptsMax: 6 } });
    expect(server.requests.length).toBeLessThanOrEqual(6);
  });

  it('ends when the server claims less than the file has', async () => {
    server.handler = (_, response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n${'x'.repeat(5000)}`);
    };
    const error = await expectFailure('checksum-mismatch', {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperationError);
  });

  it('ends when more comes than the file may have', async () => {
    server.handler = (request, response) => serveBytes(request, response, BYTES, { chunked: true });
    await expectFailure('checksum-mismatch', { limits: { ...LIMITS, bytesMax: 100_000 } });
    await expectFailure('checksum-mismatch', { bytes: 100_000 });
  });

  it('ends at once when the size is over the limit', async () => {
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    expect((await expectFailure('refused', { limits: { ...LIMITS, bytesMax: 299_999 } })).message).toContain(
      '300000 bytes',
    );
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [404, 'not-found', 1],
    [410, 'not-found', 1],
    [403, 'refused', 1],
    [500, 'unreachable', LIMITS.fruitlessMax],
    [503, 'unreachable', LIMITS.fruitlessMax],
    [429, 'unreachable', LIMITS.fruitlessMax],
  ])('ends on HTTP %i with %s after %i attempts', async (status, code, attempts) => {
    server.handler = (_, response) => response.writeHead(status, { 'retry-after': '9999' }).end('no');
    expect((await expectFailure(code)).message).toContain(`HTTP ${status}`);
    expect(await readdir(dir)).toEqual([]);
    expect(server.requests).toHaveLength(attempts);
  });

  it('ends when redirects go in a circle', async () => {
    server.handler = (_, response) => response.writeHead(302, { location: '/model.onnx' }).end();
    expect((await expectFailure('refused')).message).toContain('more than 5 redirects');
    expect(server.requests).toHaveLength(6);
  });

  it('does not follow a redirect to another kind of address', async () => {
    server.handler = (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    expect((await expectFailure('refused')).message).toContain('file:///etc/passwd');
  });

  it('ends when nothing more comes: before the head, and in the middle of the body', async () => {
    server.handler = () => {};
    await expectFailure('timeout', { limits: { ...LIMITS, stallMs: 150, fruitlessMax: 1 } });
    server.handler = (_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 1000));
    };
    await expectFailure('timeout', { limits: { ...LIMITS, stallMs: 150, fruitlessMax: 1, attemptsMax: 1 } });
  });

  it('ends when nobody listens, and names the reason', async () => {
    const free = createServer();
    const port = await new Promise<number>((resolve) =>
      free.listen(0, '127.0.0.1', () => {
        const address = free.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    );
    await new Promise((resolve) => free.close(resolve));
    const error = await expectFailure('unreachable', {
      url: `http://127.0.0.1:${port}/m`,
      limits: { ...LIMITS, fruitlessMax: 2 },
    });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('ends on a full disk, gives its bytes back and asks only once', async () => {
    // Writes to /dev/full fail as on a full disk, from the system itself.
    await symlink('/dev/full', `${target()}.part`);
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    await expectFailure('disk-full');
    expect(await readdir(dir)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it('ends when its folder is missing', async () => {
    await expectFailure('state-unwritable', { targetPath: join(dir, 'none', 'model.onnx') });
    await mkdir(join(dir, 'x'));
    await expectFailure('state-unwritable', { targetPath: join(dir, 'x') });
  });

  it('stops when told to and keeps its part for the next call', async () => {
    const controller = new AbortController();
    server.handler = (_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 5000));
    };
    const stop = new OperationError({ code: 'aborted', op: 'stop', subject: 'vedette', message: 'told to' });
    const onProgress = (progress: DownloadProgress) => {
      if (progress.receivedBytes > 0) controller.abort(stop);
    };
    await expect(pull({ signal: controller.signal, onProgress })).rejects.toBe(stop);
    expect((await readFile(`${target()}.part`)).length).toBe(5000);
    server.handler = (request, response) => serveBytes(request, response, BYTES);
    await pull();
    expect(server.requests.at(-1)?.range).toBe('bytes=5000-');
    await expectWhole();
  });

  it('is not disturbed by a second one of the same file, which is told so', async () => {
    let answer = () => {};
    server.handler = (request, response) => {
      answer = () => serveBytes(request, response, BYTES);
    };
    const first = pull();
    while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await expect(pull()).rejects.toMatchObject({ code: 'state-locked' });
    answer();
    await first;
    await expectWhole();
  });
});

describe('whatever a server does', () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed))('the file is whole or absent (seed %i)', async (seed) => {
    const dice = new Random(seed);
    const wrong = Buffer.alloc(BYTES.length, seed);
    server.handler = (request, response) => {
      const etag = dice.pick(['"a"', 'W/"a"', '']);
      const options = {
        ...(etag === '' ? {} : { etag }),
        ...(dice.chance(0.6) ? { breakAfter: dice.int(BYTES.length) } : {}),
        ...(dice.chance(0.1) ? { claimMore: dice.int(1000) + 1 } : {}),
        noRange: dice.chance(0.2),
        chunked: dice.chance(0.3),
      };
      if (dice.chance(0.1)) response.writeHead(dice.pick([500, 429, 416]), { 'content-range': 'bytes */7' }).end();
      else serveBytes(request, response, dice.chance(0.05) ? wrong : BYTES, options);
    };
    try {
      await pull();
    } catch (error) {
      expect(error).toBeInstanceOf(OperationError);
      expect(await readdir(dir)).not.toContain('model.onnx');
      return;
    }
    await expectWhole();
  });
});

import { connect } from 'node:net';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { type MjpegServer, type ServeMjpegOptions, serveMjpeg } from '../../../firmware-sim/camera/mjpeg-server.js';
import { eventually } from '../../eventually.js';

const open: MjpegServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(options: Partial<ServeMjpegOptions> = {}): Promise<MjpegServer> {
  const server = await serveMjpeg({
    seed: 3,
    port: 0,
    fps: 25,
    widthPx: 160,
    heightPx: 120,
    clock: new SystemClock(),
    ...options,
  });
  open.push(server);
  return server;
}

describe('MJPEG server of the simulated camera', () => {
  it('serves a snapshot and the truth of its newest frame on loopback', async () => {
    const server = await serve();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/`);
    const snapshot = await fetch(`${server.url}snapshot.jpg`);
    expect(snapshot.headers.get('content-type')).toBe('image/jpeg');
    await expect(sharp(Buffer.from(await snapshot.arrayBuffer())).metadata()).resolves.toMatchObject({ width: 160 });
    const truth: unknown = await (await fetch(`${server.url}truth.json`)).json();
    expect(truth).toMatchObject({ objects: expect.any(Array), index: expect.any(Number) });
  });

  it('streams whole pictures as parts that say their length', async () => {
    const server = await serve();
    const stop = new AbortController();
    const response = await fetch(`${server.url}stream.mjpeg`, { signal: stop.signal });
    expect(response.headers.get('content-type')).toMatch(/^multipart\/x-mixed-replace; boundary=/);
    let bytes = Buffer.alloc(0);
    for await (const chunk of response.body ?? []) {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.toString('latin1').split('--vedette-frame').length > 4) break;
    }
    stop.abort();
    const header = /content-length: (\d+)\r\n\r\n/.exec(bytes.toString('latin1'));
    const start = (header?.index ?? 0) + (header?.[0].length ?? 0);
    const jpeg = bytes.subarray(start, start + Number(header?.[1]));
    await expect(sharp(jpeg).metadata()).resolves.toMatchObject({ format: 'jpeg', width: 160, height: 120 });
  });

  it('refuses more viewers than it was told to have, and counts them', async () => {
    const server = await serve({ clientsMax: 1 });
    const stop = new AbortController();
    await fetch(server.url, { signal: stop.signal });
    const second = await fetch(server.url);
    expect(second.status).toBe(503);
    await second.text();
    expect(server.counters.refused).toBe(1);
    stop.abort();
    await eventually(() => server.counters.clients === 0, 'the viewer is gone');
  });

  it('lets a viewer that does not read miss frames', async () => {
    const server = await serve({ fps: 100, widthPx: 640, heightPx: 480, quality: 100 });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    socket.pause();
    await eventually(() => server.counters.dropped > 0, 'a frame is dropped', 20_000);
    socket.destroy();
  });

  it('says what there is to those who ask for something else', async () => {
    const server = await serve();
    const missing = await fetch(`${server.url}picture`);
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain('/snapshot.jpg');
    const post = await fetch(server.url, { method: 'POST' });
    expect(post.status).toBe(405);
    await post.text();
  });

  it('names the port when it is taken, and can be closed twice', async () => {
    const server = await serve();
    await expect(serve({ port: server.port })).rejects.toMatchObject({ code: 'port-busy' });
    await server.close();
    await server.close();
    await expect(fetch(server.url)).rejects.toThrow();
  });
});

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SimulatedClock, SystemClock } from '../../base/clock.js';
import type { Delivery } from '../../base/delivery.js';
import type { Log, LogFields } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { openWebhook } from '../../monitor/webhook.js';
import type { Notice } from '../../protocol/status.js';

type Hook = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const servers: Server[] = [];
const hooks: Delivery<Notice>[] = [];
const logged: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
const log: Log = logOf();

function logOf(): Log {
  const note = (message: string, fields?: LogFields) => void logged.push({ message, fields });
  return { debug: note, info: note, warn: note, error: note, child: () => log };
}

afterEach(async () => {
  for (const hook of hooks.splice(0)) await hook.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  logged.length = 0;
});

/** A real HTTP server; what it got, in order. */
async function serve(onRequest: Hook, port = 0): Promise<{ readonly port: number; readonly bodies: string[] }> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      bodies.push(body);
      onRequest(request, response, body);
    });
    response.on('error', () => {});
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = server.address();
  return { port: bound !== null && typeof bound === 'object' ? bound.port : 0, bodies };
}

const ok: Hook = (_request, response) => response.writeHead(204).end();

function notice(node: string): Notice {
  return { v: 1, node, rule: 'L4', what: 'given up, a person is needed', atMs: 1 };
}

function hookTo(
  url: string,
  clock: SimulatedClock | SystemClock = new SystemClock(),
  timeoutMs = 10_000,
): Delivery<Notice> {
  const hook = openWebhook({ url: new URL(url), timeoutMs, monitor: 'm1', clock, random: new Random('hook'), log });
  hooks.push(hook);
  return hook;
}

/** Lets the waits between tries pass without waiting for them. */
async function sentOrGivenUp(hook: Delivery<Notice>, clock: SimulatedClock, notices: number): Promise<void> {
  await vi.waitFor(
    async () => {
      clock.advance(60_000);
      const { webhookSent, webhookFailed } = hook.counters.snapshot();
      expect((webhookSent ?? 0) + (webhookFailed ?? 0)).toBe(notices);
    },
    { timeout: 20_000, interval: 5 },
  );
}

describe('the web hook', () => {
  it('posts one JSON object per notice, in order, with the name of the monitor', async () => {
    const { port, bodies } = await serve(ok);
    const hook = hookTo(`http://127.0.0.1:${port}/alerts?key=1`);
    hook.push(notice('cam1'));
    hook.push(notice('cam2'));
    await vi.waitFor(() => expect(hook.counters.get('webhookSent')).toBe(2), 10_000);
    expect(bodies.map((body) => JSON.parse(body))).toEqual([
      { ...notice('cam1'), monitor: 'm1' },
      { ...notice('cam2'), monitor: 'm1' },
    ]);
  });

  it.each<[string, Hook, string]>([
    ['answers 500', (_request, response) => response.writeHead(500).end('no'), 'HTTP status 500'],
    ['sends elsewhere', (_request, response) => response.writeHead(302, { location: '/x' }).end(), 'HTTP status 302'],
    ['closes', (request) => request.socket.destroy(), 'UND_ERR_SOCKET'],
    ['answers garbage', (request) => request.socket.end('\u0000\u0001 no HTTP\r\n\r\n'), 'HPE_INVALID_CONSTANT'],
    ['is slow', () => {}, 'no answer within 1000 ms'],
  ])('tries again, with more patience, where the server %s', async (_name, onRequest, error) => {
    let requests = 0;
    const { port, bodies } = await serve((request, response, body) => {
      requests++;
      if (requests <= 2) onRequest(request, response, body);
      else ok(request, response, body);
    });
    const clock = new SimulatedClock();
    const isSlow = error.startsWith('no answer');
    const hook = hookTo(`http://127.0.0.1:${port}/`, clock, isSlow ? 1_000 : 10_000);
    hook.push(notice('cam1'));
    await sentOrGivenUp(hook, clock, 1);
    expect(hook.counters.snapshot()).toMatchObject({ webhookSent: 1, webhookFailed: 0 });
    expect(hook.counters.get('webhookRetries')).toBeGreaterThanOrEqual(2);
    expect(bodies.length).toBeGreaterThanOrEqual(3);
    expect(logged.map(({ fields }) => fields?.error)).toEqual([error]);
  });

  it('gives a notice up after ten tries and goes on with the next one', async () => {
    let isMended = false;
    const { port, bodies } = await serve((_request, response) => response.writeHead(isMended ? 200 : 503).end());
    const clock = new SimulatedClock();
    const hook = hookTo(`http://127.0.0.1:${port}/`, clock);
    hook.push(notice('cam1'));
    await sentOrGivenUp(hook, clock, 1);
    expect(bodies).toHaveLength(10);
    isMended = true;
    hook.push(notice('cam2'));
    await sentOrGivenUp(hook, clock, 2);
    expect(hook.counters.snapshot()).toMatchObject({ webhookSent: 1, webhookFailed: 1 });
    expect(logged.at(-1)).toMatchObject({ message: 'web hook gave up a notice', fields: { node: 'cam1' } });
  });

  it('reaches a server that was down and came up', async () => {
    const { port } = await serve(ok);
    for (const server of servers.splice(0)) server.close();
    const clock = new SimulatedClock();
    const hook = hookTo(`http://127.0.0.1:${port}/`, clock);
    hook.push(notice('cam1'));
    await vi.waitFor(() => expect(logged[0]?.fields?.error).toBe('ECONNREFUSED'), 10_000);
    const { bodies } = await serve(ok, port);
    await sentOrGivenUp(hook, clock, 1);
    expect(bodies.length).toBeGreaterThan(0);
  });

  it('keeps 64 notices, drops the oldest of more, and counts them', async () => {
    const hook = hookTo('http://127.0.0.1:1/', new SimulatedClock());
    // The first one is on its way, 64 wait.
    for (let i = 0; i < 70; i++) hook.push(notice(`cam${i}`));
    expect(hook.counters.get('webhookDropped')).toBe(5);
    await hook.close();
    expect(hook.counters.snapshot()).toMatchObject({ webhookSent: 0, webhookFailed: 1, webhookDropped: 69 });
    expect(logged.at(-1)).toMatchObject({ fields: { notices: 64 } });
    hook.push(notice('late'));
    expect(hook.counters.get('webhookDropped')).toBe(70);
  });

  it('logs in where the address says so, and never logs the address', async () => {
    let authorization: string | undefined;
    const { port } = await serve((request, response) => {
      authorization = request.headers.authorization;
      response.writeHead(authorization === undefined ? 401 : 500).end();
    });
    const clock = new SimulatedClock();
    const hook = hookTo(`http://ops:p%40ss@127.0.0.1:${port}/hooks/T0SECRET`, clock);
    hook.push(notice('cam1'));
    await sentOrGivenUp(hook, clock, 1);
    expect(authorization).toBe(`Basic ${Buffer.from('ops:p@ss').toString('base64')}`);
    expect(JSON.stringify(logged)).not.toMatch(/T0SECRET|p@ss|p%40ss|127\.0\.0\.1/);
    expect(logged.length).toBeGreaterThan(0);
  });
});

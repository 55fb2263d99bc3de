import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SimulatedClock, SystemClock } from '../../../base/clock.js';
import { type Log, silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { runAlertCommand } from '../../../edge/rules/alert-command.js';
import type { AlertMessage } from '../../../edge/rules/alert-message.js';
import { AlertOutlets, AlertsConfig } from '../../../edge/rules/alert-outlets.js';

const servers: Server[] = [];
const outlets: AlertOutlets[] = [];
const folders: string[] = [];
const logged: string[] = [];
const log: Log = {
  ...silentLog,
  warn: (message, fields) => logged.push(`${message}: ${fields?.error ?? ''}`),
  error: (message, fields) => logged.push(`${message}: ${fields?.error ?? ''}`),
};

afterEach(async () => {
  for (const outlet of outlets.splice(0)) await outlet.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  logged.length = 0;
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'vedette-outlets-'));
  folders.push(made);
  return made;
}

async function open(config: object, clock: SimulatedClock | SystemClock = new SystemClock()): Promise<AlertOutlets> {
  const opened = await AlertOutlets.open(AlertsConfig.parse(config), { clock, random: new Random('out'), log });
  outlets.push(opened);
  return opened;
}

async function serve(status: (count: number) => number): Promise<{ readonly url: string; readonly bodies: unknown[] }> {
  const bodies: unknown[] = [];
  let count = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const code = status(count++);
    if (code === 200) bodies.push(JSON.parse(body));
    response.writeHead(code).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return { url: `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}/hook`, bodies };
}

function message(rule: string, more: Partial<AlertMessage> = {}): AlertMessage {
  const text = 'it is 31 °C';
  return { node: 'cam1', rule, event: 'raise', severity: 'warning', text, atMs: 2, raisedAtMs: 2, values: {}, ...more };
}

describe('alerts', () => {
  it('go to web hook and command, raises and clears in order', async () => {
    const { url, bodies } = await serve(() => 200);
    const file = join(await folder(), 'taken');
    const opened = await open({ webhook: { url }, command: { argv: ['sh', '-c', `cat >> ${file}`] } });
    const all = [message('hot', { values: { temperature: 31 } }), message('hot', { event: 'clear', why: 'over' })];
    for (const one of all) opened.tell(one);
    await vi.waitFor(() => expect(bodies).toEqual(all), 20_000);
    await vi.waitFor(async () => {
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line))).toEqual(all);
    }, 20_000);
    expect(Object.values(opened.drops()).every((count) => count === 0)).toBe(true);
  });

  it('of less severity than wanted go to neither', async () => {
    const { url, bodies } = await serve(() => 200);
    const opened = await open({ severityMin: 'critical', webhook: { url } });
    for (const severity of ['info', 'warning', 'critical'] as const) opened.tell(message('hot', { severity }));
    await vi.waitFor(() => expect(bodies).toMatchObject([{ severity: 'critical' }]), 20_000);
  });

  it('are tried again, one way without the other, and counted', async () => {
    const { url, bodies } = await serve((count) => (count < 3 ? 503 : 200));
    const clock = new SimulatedClock();
    const opened = await open({ webhook: { url }, command: { argv: ['sh', '-c', 'echo no >&2; exit 3'] } }, clock);
    opened.tell(message('hot'));
    await vi.waitFor(
      async () => {
        await clock.advance(60_000);
        expect(bodies).toHaveLength(1);
        expect(opened.drops()).toMatchObject({ 'alert-webhookRetries': 3, 'alert-commandFailed': 1 });
      },
      { timeout: 20_000, interval: 5 },
    );
    expect(logged).toContain('web hook not reached, trying again: HTTP status 503');
    expect(logged).toContain('alert command gave up an alert: exit 3 (no)');
  });

  it('wait while nobody takes them: 64 of each way, the oldest are dropped and counted', async () => {
    const opened = await open({ webhook: { url: 'http://127.0.0.1:1/' } }, new SimulatedClock());
    for (let i = 0; i < 70; i++) opened.tell(message(`rule${i}`));
    expect(opened.drops()).toMatchObject({ 'alert-webhookDropped': 5 });
  });

  it('do without a web hook whose address cannot be read: told and counted', async () => {
    const urlFile = join(await folder(), 'url');
    const file = join(await folder(), 'taken');
    const argv = ['sh', '-c', `cat > ${file}`];
    await writeFile(urlFile, 'ftp://nowhere', { mode: 0o600 });
    const opened = await open({ webhook: { urlFile }, command: { argv } });
    opened.tell(message('hot'));
    await vi.waitFor(async () => expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(message('hot')), 20_000);
    expect(logged[0]).toMatch(/^alerts go to no web hook: .*no http or https address/);
    expect(opened.drops()).toMatchObject({ 'alert-webhookBroken': 1 });
  });
});

describe('the command of an alert', () => {
  const run = (argv: string[], timeoutMs = 20_000, signal = new AbortController().signal) =>
    runAlertCommand(argv, { text: 'x'.repeat(100_000) }, timeoutMs, signal);

  it.each([
    ['that is not there', ['/nonexistent/program'], /^ENOENT$/],
    ['that fails', ['sh', '-c', 'echo "no  such\n room" >&2; exit 7'], /^exit 7 \(no such room\)$/],
    ['that is killed', ['sh', '-c', 'kill -TERM $$'], /^exit SIGTERM$/],
  ])('%s says why', async (_name, argv, expected) => {
    expect(await run(argv)).toMatch(expected);
  });

  it('need not read what it is told', async () => {
    expect(await run(['true'])).toBeUndefined();
  });

  it('is killed when it is not done in time, with all it has started', async () => {
    const pidFile = join(await folder(), 'pid');
    expect(await run(['sh', '-c', `sleep 600 & echo $! > ${pidFile}; wait`], 2_000)).toBe('not done within 2000 ms');
    const pid = Number(await readFile(pidFile, 'utf8'));
    // A zombie until init has taken it: signal 0 alone would not tell.
    await vi.waitFor(async () => {
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'Z');
      expect(state).toMatch(/\bZ\b|^Z$/);
    }, 20_000);
  });

  it('is killed when the node stops', async () => {
    const stop = new AbortController();
    const running = run(['sleep', '600'], 60_000, stop.signal);
    stop.abort();
    expect(await running).toBe('the service stops');
  });
});

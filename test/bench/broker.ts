import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setUser } from '../../broker/password-command.js';
import { type BenchResult, buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { type Load, runLoad } from './mqtt-load.js';

// npm run bench:broker -- [--json] [--runs N] [--messages N]
// QoS 1 messages a second through our broker (journal on, every payload checked, every right asked) and, where it is
// installed, through Mosquitto in turn: `live` to one and to four readers, and a retained reading.

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    messages: { type: 'string', default: '60000' },
    fsync: { type: 'string', default: 'interval' },
  },
});
const runs = Number(args.runs);
const messages = Number(args.messages);
const PASSWORD = 'password of the bench';
const folder = await mkdtemp(join(tmpdir(), 'vedette-bench-'));
const children: ChildProcess[] = [];

const record = { t: 1_789_000_000_123, k: 'track', c: 'front', ev: 'new', id: 17, l: 'person', p: 870 };
const livePayload = (i: number) => {
  const r = [{ s: i + 1, ...record, b: [120, 221, 310, 780], z: ['gate'] }];
  return Buffer.from(JSON.stringify({ v: 1, e: 'abcdefghijkl', r }).padEnd(200));
};
const readingPayload = (i: number) =>
  Buffer.from(JSON.stringify({ v: 1, value: i, unit: 'C', atMs: record.t, ok: true }).padEnd(200));

type Scene = { readonly name: string; readonly load: Omit<Load, 'port'> };

function scene(name: string, readers: number, route: 'live' | 'sensor/heat', payload: Load['payload']): Scene {
  const login = (clientId: string, user: string) => ({ clientId, user, password: PASSWORD });
  return {
    name,
    load: {
      publisher: login('cam1', 'cam1'),
      readers: Array.from({ length: readers }, (_, i) => login(`alice.${i}`, 'alice')),
      topic: `vedette/1/node/cam1/${route}`,
      retain: route !== 'live',
      messages,
      payload,
    },
  };
}

const scenes = [
  scene('live, 1 reader', 1, 'live', livePayload),
  scene('live, 4 readers', 4, 'live', livePayload),
  scene('retained reading, 1 reader', 1, 'sensor/heat', readingPayload),
];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function start(program: string, programArgs: readonly string[], port: number): Promise<number> {
  const child = spawn(program, programArgs, { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000);
  });
  while (!(await accepts(port))) if (child.exitCode !== null) throw new Error(`${program} ended: ${errors}`);
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => setTimeout(() => done(false), 20));
  });
}

async function startOurs(): Promise<number> {
  const port = await freePort();
  const passwordFile = join(folder, 'passwords');
  await setUser({ path: passwordFile, name: 'cam1', role: 'node', password: PASSWORD });
  await setUser({ path: passwordFile, name: 'alice', role: 'reader', password: PASSWORD });
  const config = {
    tcp: { host: '127.0.0.1', port },
    stateDir: join(folder, 'state'),
    passwordFile,
    journal: { fsync: args.fsync },
  };
  const module = (path: string) => JSON.stringify(new URL(`../../broker/${path}`, import.meta.url).href);
  const script = `
    import { BrokerConfig } from ${module('config.js')};
    import { runBrokerMain } from ${module('main.js')};
    await runBrokerMain(BrokerConfig.parse(${JSON.stringify(config)}), new AbortController().signal);
  `;
  return await start(process.execPath, ['--input-type=module', '-e', script], port);
}

async function startMosquitto(): Promise<number | undefined> {
  const program = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto'].find((path) => existsSync(path));
  if (program === undefined) return undefined;
  const port = await freePort();
  const path = join(folder, 'mosquitto.conf');
  // Without users and rights, which costs it nothing; queues large enough to lose nothing.
  const settings = ['allow_anonymous true', 'set_tcp_nodelay true', 'max_inflight_messages 200'];
  await writeFile(path, [`listener ${port} 127.0.0.1`, ...settings, 'max_queued_messages 1000000', ''].join('\n'));
  return await start(program, ['-c', path], port);
}

async function measure(): Promise<BenchResult[]> {
  const ours = await startOurs();
  const mosquitto = await startMosquitto();
  const results: BenchResult[] = [];
  for (const { name, load } of scenes) {
    const rates: number[] = [];
    const theirs: number[] = [];
    for (let run = 0; run < runs; run++) {
      // The readings of a run differ from those of the last: the same value again is not written again.
      const payload = (i: number) => load.payload(run * messages + i);
      rates.push(await runLoad({ ...load, port: ours, payload }));
      if (mosquitto !== undefined) theirs.push(await runLoad({ ...load, port: mosquitto, payload }));
    }
    const result = summarise(`vedette broker: ${name}`, 'messages/s', rates);
    if (mosquitto === undefined) results.push(result);
    else {
      const base = summarise(`mosquitto: ${name}`, 'messages/s', theirs);
      results.push(withRatio(result, rates, base, theirs), base);
    }
  }
  return results;
}

try {
  const results = await measure();
  const settings = { messages, inFlight: 200, payloadBytes: 200, qos: 1, fsync: args.fsync };
  printReport(buildReport('broker', settings, ['aedes'], results), args.json);
} finally {
  for (const child of children) child.kill();
  await rm(folder, { recursive: true, force: true });
}

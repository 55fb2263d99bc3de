import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { field, isJson, type Json, type Program, until } from './demo-run.js';
import type { Listener } from './listener.js';
import { endProgram, Site } from './site.js';

// A node decides by itself: a thermometer goes over, people are told, also while there is no broker, and once each time.

let site: Site;
let listener: Listener;
let node: Program;
let sections: Readonly<Record<string, unknown>>;
const posted: Json[] = [];

const RULES = {
  hot: {
    ...{ when: 'temperature > 30.0', clear: 'temperature < 28.0', for: '1s', cooldown: '1s' },
    ...{ severity: 'critical', text: '{temperature} °C in the barn' },
  },
  somebody: { when: 'count("person") + count("car") > 0', cooldown: '5s', severity: 'info' },
  broken: { when: 'temprature > 30.0' },
};

beforeAll(async () => {
  site = await Site.open('cam1');
  await site.addUser('operator', 'operator');
  const hook = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const value = parseJson(body);
    if (isJson(value)) posted.push(value);
    response.writeHead(204).end();
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  site.atEnd(async () => {
    hook.closeAllConnections();
    hook.close();
  });
  const bound = hook.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  listener = site.listen();
  feel(20);
  writeFileSync(site.path('told'), '');
  writeFileSync(site.path('tell'), `#!/bin/sh\ncat >> ${site.path('told')}\n`, { mode: 0o755 });
  const front = { source: { driver: 'sim', seed: '7', widthPx: 320, heightPx: 240, fps: 4 } };
  const edge = {
    sensors: { temperature: { source: { driver: 'file', path: site.path('degrees') }, intervalMs: 200 } },
    rules: RULES,
    alerts: {
      severityMin: 'warning',
      // A test that is held up must not be told twice.
      webhook: { url: `http://127.0.0.1:${port}/alerts`, timeoutMs: 60_000 },
      command: { argv: [site.path('tell')] },
    },
  };
  sections = site.edgeSections('cam1', { front }, edge);
  node = site.edgeWith('cam1', sections);
  await listener.waitFor('the thermometer reads', () =>
    field(listener.last('sensor', { sensor: 'temperature' }), 'ok'),
  );
}, 120_000);

afterAll(() => site.close(), 60_000);

/** What the thermometer says from now on; a file that is being written holds no number. */
function feel(degrees: number): void {
  writeFileSync(site.path('degrees.new'), `${degrees}\n`);
  renameSync(site.path('degrees.new'), site.path('degrees'));
}

const ofHot = (list: readonly Json[]) => list.filter(({ rule }) => rule === 'hot').map(({ event }) => event);

function told(): Json[] {
  const lines = readFileSync(site.path('told'), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const value = line === '' ? undefined : parseJson(line);
    return isJson(value) ? [value] : [];
  });
}

/** The alert as the broker keeps it: for who comes now. */
async function retained(rule: string): Promise<unknown> {
  const late = site.listen();
  // The status is retained too: once it is here, so is what comes with it.
  await late.waitFor('what is retained', () => late.heard('status', { node: 'cam1' }).length > 0);
  await new Promise((done) => setTimeout(done, 500));
  const alert = late.heard('alert', { node: 'cam1', rule }).find((message) => message.retained);
  await endProgram(late.program);
  return alert === undefined ? undefined : parseJson(`${alert.payload}`);
}

/** Raises and clears in the node's log, oldest first, as anybody may ask for them. */
async function recorded(rule: string): Promise<Json[]> {
  const { lines } = await site.run(
    ...['query', '--kind', 'alert', '--rule', rule, '--replicas', '1', '--json', '--timeout', '20'],
    ...['--broker', site.brokerUrl, '--password-file', site.path('operator.password')],
  );
  const rows = field(parseJson(lines[0] ?? '{}'), 'rows');
  return Array.isArray(rows) ? rows.filter(isJson).toReversed() : [];
}

/** Waits until the log holds so many raises and clears of a rule. */
async function recordedAtLeast(rule: string, count: number): Promise<Json[]> {
  // The node says every ten seconds how long its log is; nobody is asked for more.
  const untilMs = Date.now() + 90_000;
  for (;;) {
    const rows = await recorded(rule);
    if (rows.length >= count || Date.now() > untilMs) return rows;
    await new Promise((done) => setTimeout(done, 500));
  }
}

describe('the rules of a node', () => {
  it('raise an alert when a sensor goes over: retained, posted, told to a command, recorded', async () => {
    feel(35.26);
    await until('the web hook is told', () => ofHot(posted).length > 0);
    expect(posted[0]).toMatchObject({
      ...{ node: 'cam1', rule: 'hot', event: 'raise', severity: 'critical', text: '35.3 °C in the barn' },
      values: { temperature: 35.26 },
    });
    await until('the command is told', () => told().length > 0);
    expect(told()[0]).toEqual(posted[0]);
    const alert = { severity: 'critical', text: '35.3 °C in the barn', values: { temperature: 35.26 } };
    await listener.waitFor('the alert', () => listener.last('alert', { node: 'cam1', rule: 'hot' }));
    expect(await retained('hot')).toMatchObject(alert);
    expect(await recordedAtLeast('hot', 1)).toMatchObject([
      { node: 'cam1', k: 'alert', r: 'hot', ev: 'raise', sev: 'critical', x: alert.text, v: alert.values },
    ]);
  }, 180_000);

  it('leave out the one that is broken, say so, and count it', async () => {
    expect(node.errors.join('\n')).toMatch(
      /rules\.broken\.when.*there is no variable temprature; did you mean temperature/,
    );
    await listener.waitFor('health counts it', () =>
      listener.payloads('health', { node: 'cam1' }).some((health) => field(health, 'drops', 'rule-broken') === 1),
    );
  }, 60_000);

  it('see what the camera sees', async () => {
    await listener.waitFor(
      'somebody is in view',
      () => listener.last('alert', { node: 'cam1', rule: 'somebody' }),
      90_000,
    );
    // It is of no interest to who wants to hear of warnings.
    expect(posted.filter(({ rule }) => rule === 'somebody')).toEqual([]);
  }, 120_000);

  it('go on while there is no broker: cleared, raised again and cleared, posted at once', async () => {
    const before = ofHot(posted).length;
    const { broker } = site;
    if (broker === undefined) throw new Error('no broker');
    await broker.end('SIGKILL');
    feel(27);
    await until('cleared', () => ofHot(posted).length >= before + 1);
    feel(40);
    await until('raised again', () => ofHot(posted).length >= before + 2);
    feel(20);
    await until('cleared again', () => ofHot(posted).length >= before + 3);
    expect(ofHot(posted)).toEqual(['raise', 'clear', 'raise', 'clear']);
  }, 120_000);

  it('are the same for everybody once the broker is back: nothing retained, every raise and clear recorded', async () => {
    await site.startBroker();
    const rows = await recordedAtLeast('hot', 4);
    expect(rows.map(({ ev }) => ev)).toEqual(['raise', 'clear', 'raise', 'clear']);
    expect(rows[1]).toMatchObject({ why: 'over', from: field(rows[0], 't') });
    // The broker had kept the alert of before its end.
    const untilMs = Date.now() + 60_000;
    while ((await retained('hot')) !== undefined && Date.now() < untilMs);
    expect(await retained('hot')).toBeUndefined();
  }, 240_000);

  it('take up an open alert after the node was killed: told once, cleared once', async () => {
    const memory = site.path('state', 'edge', 'cam1', 'alerts.json');
    feel(45);
    await until('raised', () => ofHot(posted).length >= 5);
    await until('remembered', () => existsSync(memory) && readFileSync(memory, 'utf8').includes('45 °C'));
    await node.end('SIGKILL');
    node = site.edgeWith('cam1', sections);
    await until('the new life reads', () => node.errors.join('\n').includes('node runs'));
    feel(26);
    await until('cleared', () => ofHot(posted).length >= 6);
    expect(ofHot(posted)).toEqual(['raise', 'clear', 'raise', 'clear', 'raise', 'clear']);
    const rows = await recordedAtLeast('hot', 6);
    expect(rows.map(({ ev }) => ev)).toEqual(['raise', 'clear', 'raise', 'clear', 'raise', 'clear']);
    expect(rows[5]).toMatchObject({ x: '45 °C in the barn', from: field(rows[4], 't') });
  }, 240_000);

  it('can be tried over what was recorded', async () => {
    const { lines: answer } = await site.run(
      ...['query', '--node', 'cam1', '--limit', '10000', '--replicas', '1', '--json'],
      ...['--broker', site.brokerUrl, '--password-file', site.path('operator.password')],
    );
    writeFileSync(site.path('records.json'), `${answer.join('\n')}\n`);
    const { edge } = sections;
    site.writeConfig('good', { edge: { ...(isJson(edge) ? edge : {}), rules: { somebody: RULES.somebody } } });
    const { code, lines } = await site.run(
      ...['rules', 'test', site.path('good.yaml'), '--replay', site.path('records.json'), '--json'],
    );
    expect(code).toBe(0);
    const rules = field(parseJson(lines[0] ?? '{}'), 'rules');
    expect(rules).toMatchObject([{ rule: 'somebody' }]);
    expect(Number(field(rules, 0, 'raised'))).toBeGreaterThan(0);
  }, 60_000);
});

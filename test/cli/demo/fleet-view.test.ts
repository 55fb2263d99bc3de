import { describe, expect, it } from 'vitest';
import { Terminal } from '../../../base/terminal/terminal.js';
import { type DemoOptions, planDemo } from '../../../cli/demo/demo-plan.js';
import { buildDemoStatus } from '../../../cli/demo/demo-status.js';
import { FleetView } from '../../../cli/demo/fleet-view.js';
import { lastLine } from '../../../cli/demo/last-line.js';
import { InPlace, renderDemo } from '../../../cli/demo/live-table.js';
import { LogTally } from '../../../cli/demo/log-tally.js';
import { mosquittoLine } from '../../../cli/demo/try-lines.js';
import { Claims } from '../../../protocol/sharing.js';

const OPTIONS: DemoOptions = { nodes: 1, json: false, port: 1883, stateDir: '/tmp/demo', seed: '1' };
const EPOCH = 'abcdefghijkl';
const NOW_MS = 1_789_000_000_000;

const HEALTH = {
  ...{ v: 1, load: 'active' as const, cpu: 0.5, temperatureC: null, throttled: null, queues: {} },
  memory: { usedMiB: 1, totalMiB: 2, rssMiB: 1 },
  disk: { freeMiB: 1, totalMiB: 2, ok: true },
  drops: { 'audits.overBudget': 9, 'offer-late': 1 },
};

function track(s: number, ev: 'new' | 'update' | 'end', agoMs: number) {
  return {
    s,
    t: NOW_MS - agoMs,
    k: 'track' as const,
    c: 'front',
    ev,
    id: 3,
    l: 'person',
    p: 900,
    b: [1, 2, 3, 4] as [number, number, number, number],
  };
}

describe('counting records of a log', () => {
  it('tells new, repeated and passed over', () => {
    const tally = new LogTally();
    const taken = [5, 6, 6, 9, 7, 8, 9].map((seq) => tally.take(EPOCH, seq));
    expect(taken).toEqual([true, true, false, true, true, true, false]);
    expect([tally.records, tally.repeats, tally.missing]).toEqual([5, 2, 0]);
  });

  it('keeps the lives of a node apart, and forgets the oldest of many', () => {
    const tally = new LogTally();
    tally.take('first', 1);
    tally.take('first', 4);
    tally.take('second', 1);
    expect(tally.missing).toBe(2);
    for (let life = 0; life < 8; life++) tally.take(`life${life}`, 1);
    expect(tally.missing).toBe(0);
  });
});

describe('the table of the demo', () => {
  function heard(): FleetView {
    const view = new FleetView();
    view.onStatus('cam1', { v: 1, state: 'online', gen: 1, sid: 's', inv: 'i', boot: 'b', version: '0' });
    view.onLive('cam1', { v: 1, e: EPOCH, r: [track(1, 'new', 120), track(2, 'update', 80)] }, NOW_MS);
    view.onLive('cam1', { v: 1, e: EPOCH, r: [track(3, 'end', 4_000)] }, NOW_MS);
    view.onCount('cam1', 'front', 'person', 2);
    view.onCount('cam1', 'front', 'dog', 0);
    view.onReplica('cam1', {
      ...{ v: 1, state: 'active', logs: 3, records: 90, bytes: 900, missing: 2, lagMs: 5, unackedMs: 10, mended: 0 },
      ...{ unacked: 4, counters: {} },
    });
    view.onSensor('sensors', 'light', {
      v: 1,
      value: null,
      unit: 'lx',
      atMs: NOW_MS,
      ok: false,
      reason: 'stuck\u001b[2J',
    });
    view.onSensor('sensors', 'humidity', { v: 1, value: 56.25, unit: '%', atMs: NOW_MS, ok: true });
    return view;
  }

  const plan = planDemo(OPTIONS, 1883);
  const moment = { elapsedMs: 65_400, nowMs: NOW_MS, isConnected: true, isEnding: false, failures: new Map() };

  it('puts together what was heard and what is known of the processes', () => {
    const children = new Map([['cam1', { isRunning: true, restarts: 2 }]]);
    const [cam1] = buildDemoStatus(plan, heard(), children, moment).nodes;
    expect(cam1).toMatchObject({
      node: 'cam1',
      state: 'online',
      monitor: 'unknown',
      objects: { person: 2 },
      lastEvent: { event: 'end', label: 'person', id: 3, agoMs: 4_000 },
      latencyMs: 80,
      records: 3,
      missing: 0,
      restarts: 2,
    });
  });

  it('shows an alert as the last event while nothing came after it, and open alerts until they clear', () => {
    const view = heard();
    const record = (s: number, ev: 'raise' | 'clear', agoMs: number) => ({
      ...{ s, t: NOW_MS - agoMs, k: 'alert' as const, r: 'visitor', ev, sev: 'info' as const, x: '1 in view\u001b[2J' },
    });
    const lines: string[] = [];
    const terminal = new Terminal({ write: (text) => lines.push(String(text)) > 0 }, {});
    const draw = () => renderDemo(terminal, buildDemoStatus(plan, view, new Map(), moment), '');
    view.onAlert('cam1', 'visitor', { v: 1, severity: 'info', text: '1 in view\u001b[2J', raisedAtMs: NOW_MS });
    view.onLive('cam1', { v: 1, e: EPOCH, r: [record(4, 'raise', 2_000)] }, NOW_MS);
    expect(draw()).toContain('visitor raised, 2 s ago');
    expect(draw()).toContain('alerts\n  cam1: visitor: 1 in view\ufffd[2J\n');
    expect(buildDemoStatus(plan, view, new Map(), moment).nodes[0]).toMatchObject({
      lastEvent: { event: 'end', label: 'person' },
      lastAlert: { rule: 'visitor', event: 'raise', severity: 'info', agoMs: 2_000 },
      alerts: [{ rule: 'visitor', severity: 'info' }],
    });
    view.onAlert('cam1', 'visitor', undefined);
    view.onLive('cam1', { v: 1, e: EPOCH, r: [record(5, 'clear', 1_500), track(6, 'new', 1_000)] }, NOW_MS);
    expect(draw()).toContain('new person #3, 1 s ago');
    expect(draw()).not.toContain('alerts');
  });

  it('shows who watches the camera without a detector, and who is next', () => {
    const view = heard();
    const claims = (as: 'owner' | 'standby') =>
      Claims.parse({
        ...{ v: 1, site: 'demo', state: 'active', beatMs: 2_000, model: null, capacityFps: 0, spareFps: 0 },
        ...{ shares: { sources: true, offers: false, audits: false }, heard: [], doubts: [] },
        sources: [{ source: 'porch', as }],
      });
    const sources = () => buildDemoStatus(plan, view, new Map(), moment).sources;
    expect(sources()).toEqual([{ source: 'porch', owner: null, standby: null, fps: null, objects: {} }]);
    view.onClaims('cam1', claims('owner'));
    view.onClaims('sensors', claims('standby'));
    view.onCameraState('cam1', 'porch', { v: 1, ok: true, fps: 2, frameAgeMs: 3, atMs: NOW_MS });
    view.onCount('cam1', 'porch', 'person', 1);
    expect(sources()[0]).toMatchObject({ owner: 'cam1', fps: 2, objects: { person: 1 } });
    const terminal = new Terminal({ write: () => true }, {});
    const text = renderDemo(terminal, buildDemoStatus(plan, view, new Map(), moment), '');
    expect(text).toContain('porch  a camera without a detector: watched by cam1');
    expect(text).toContain('2.0 frames/s: 1 person');
  });

  it('tells what nodes found of each other, whom they doubt, and takes what was not audited for no drop', () => {
    const three = planDemo({ ...OPTIONS, nodes: 3 }, 1883);
    const view = heard();
    const online = { v: 1, state: 'online', gen: 1, sid: 's', inv: 'i', boot: 'b', version: '0' } as const;
    const model = 'a'.repeat(64);
    const doubt = { node: 'cam3', model, sinceMs: NOW_MS, disputed: 2, valid: 0, last: { e: EPOCH, s: 1 } };
    const said = () => buildDemoStatus(three, view, new Map(), moment);
    const text = () => renderDemo(new Terminal({ write: () => true }, {}), said(), '');
    expect(text()).toContain('checked by two other nodes each: no verdict yet');
    for (const node of ['cam1', 'cam2', 'cam3']) {
      view.onStatus(node, online);
      const claims = Claims.parse({
        ...{ v: 1, site: 'demo', state: 'active', beatMs: 2_000, model: { id: 'm', sha256: model } },
        ...{ capacityFps: 9, spareFps: 8, shares: { sources: true, offers: false, audits: true } },
        ...{ sources: [], heard: [], doubts: node === 'cam3' ? [] : [doubt] },
      });
      view.onClaims(node, claims);
    }
    const audit = (s: number, v: 'valid' | 'disputed') => ({
      ...{ s, t: NOW_MS, k: 'audit' as const, of: { n: 'cam3', e: EPOCH, s }, m: model, v, c: 'street', at: NOW_MS },
      ...{ by: ['cam1', 'cam2'] as [string, string], j: '0123456789abcdef' },
    });
    view.onLive('cam2', { v: 1, e: EPOCH, r: [audit(1, 'valid'), audit(2, 'disputed'), audit(3, 'disputed')] }, NOW_MS);
    view.onLive('cam2', { v: 1, e: EPOCH, r: [audit(3, 'disputed')] }, NOW_MS);
    const verdicts = { valid: 1, disputed: 2, inconclusive: 0 };
    expect(said().audits).toEqual({ verdicts, doubted: ['cam3'] });
    expect(text()).toContain('checked by two other nodes each: 1 valid, 2 disputed, doubted: cam3');
    expect(text()).toContain('vedette query --kind audit --limit 9 --broker');
    expect(buildDemoStatus(plan, view, new Map(), moment).audits).toBeNull();
    view.onHealth('cam1', HEALTH);
    expect(said().nodes[0]?.drops).toBe(1);
  });

  it('takes the age of an end for no latency', () => {
    expect(heard().latencyMs()).toEqual({ p50: 120, p99: 120, count: 2 });
  });

  it('shows a dead process as restarting, whatever it said last', () => {
    const children = new Map([['cam1', { isRunning: false, restarts: 0 }]]);
    expect(buildDemoStatus(plan, heard(), children, moment).nodes[0]?.state).toBe('restarting');
    expect(buildDemoStatus(plan, heard(), children, { ...moment, isEnding: true }).nodes[0]?.state).toBe('online');
  });

  it('prints faults of sensors as words, the time and the line to try', () => {
    const lines: string[] = [];
    const terminal = new Terminal({ write: (text) => lines.push(String(text)) > 0 }, {});
    const text = renderDemo(terminal, buildDemoStatus(plan, heard(), new Map(), moment), 'cam1 ended by \u001b[2J');
    expect(text).toContain('00:01:05');
    expect(text).toContain('active -2 (4)');
    expect(text).toContain('vedette query --count --broker mqtt://127.0.0.1:1883 --state /tmp/demo');
    expect(text).toContain(
      'vedette monitor explain cam1 --broker mqtt://127.0.0.1:1883 --user operator --password-file /tmp/demo/credentials/operator.password',
    );
    expect(text).toContain(
      'vedette monitor maintenance on cam1 --for 60 --broker mqtt://127.0.0.1:1883 --user operator',
    );
    expect(text).toContain('light stuck\ufffd[2J');
    expect(text).toContain('humidity 56.3 %');
    expect(text).toContain("mosquitto_sub -h 127.0.0.1 -p 1883 -v -t 'vedette/#'");
    expect(text).not.toContain('\u001b');
  });

  it('tells why a node cannot run', () => {
    const terminal = new Terminal({ write: () => true }, {});
    const failures = new Map([['cam1', 'load model x.onnx: not an ONNX model']]);
    const status = buildDemoStatus(plan, heard(), new Map(), { ...moment, failures });
    expect(status.nodes[0]).toMatchObject({ state: 'failed', failure: 'load model x.onnx: not an ONNX model' });
    expect(renderDemo(terminal, status, '')).toContain('cam1: cannot run: load model x.onnx: not an ONNX model\n');
  });

  it('counts a life of a node once, whether heard, heard again after a gap, or seen to begin', () => {
    const view = heard();
    const children = new Map([['cam1', { isRunning: true, restarts: 1 }]]);
    const online = { v: 1, state: 'online', gen: 1, sid: 's', inv: 'j', boot: 'b', version: '0' } as const;
    view.onStatus('cam1', online, true);
    view.onStatus('cam1', { ...online, gen: 2 });
    view.onStatus('cam1', online, true);
    const status = buildDemoStatus(plan, view, children, moment);
    expect(status.nodes[0]?.restarts).toBe(1);
    expect(lastLine(status)).toBe(
      'stopped after 65 s: 3 records (0 missing), 0 messages, latency p50 120 ms, 1 node restart, 0 broker restarts',
    );
  });

  it('counts restarts of nodes, broker and monitor apart in its last line', () => {
    const restarts = { cam1: 2, sensors: 1, broker: 1, monitor: 1 };
    const children = new Map(Object.entries(restarts).map(([name, n]) => [name, { isRunning: true, restarts: n }]));
    const line = lastLine(buildDemoStatus(plan, heard(), children, moment));
    expect(line).toMatch(/, 3 node restarts, 1 broker restart, 1 monitor restart$/);
  });

  it('draws over what it drew, never more lines than the window has', () => {
    const written: string[] = [];
    const terminal = new Terminal({ write: (text) => written.push(String(text)) > 0, isTTY: true }, {});
    const place = new InPlace(terminal, () => 6);
    place.draw('a\nb\nc\n');
    place.draw(Array.from({ length: 20 }, (_, i) => `line ${i}`).join('\n'));
    expect(written.join('')).toContain('\u001b[3F\u001b[J');
    expect(written.join('')).toContain('line 4\n');
    expect(written.join('')).not.toContain('line 5');
  });

  it('names the default port where an address has none', () => {
    expect(mosquittoLine('mqtt://broker.lan')).toBe(
      "mosquitto_sub -h broker.lan -p 1883 -v -t 'vedette/#' -T 'vedette/1/node/+/camera/+/snapshot/+'",
    );
  });

  it('forgets no node it shows and remembers no more than it can', () => {
    const view = new FleetView();
    for (let i = 0; i < 200; i++) view.onCount(`node${i}`, 'front', 'person', 1);
    for (let i = 0; i < 200; i++) view.onCount('node0', 'front', `label${i}`, 1);
    expect(view.nodes.size).toBe(64);
    expect(view.nodes.get('node0')?.cameras.get('front')?.counts.size).toBe(64);
  });
});

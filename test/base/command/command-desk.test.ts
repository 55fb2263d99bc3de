import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommandArrival, CommandDesk, type CommandVerdict } from '../../../base/command/command-desk.js';
import { type CommandRequest, parseCommand } from '../../../edge/command/command-verbs.js';

const SID = 'session-1';
const NOW_MS = 1_789_000_000_000;
const HERE = { sid: SID, nowMs: NOW_MS };

function arrival(more: Partial<CommandArrival> = {}): CommandArrival {
  return { sender: 'operator', verb: 'ping', id: 'a', sid: SID, args: {}, isRetained: false, ...more };
}

function codeOf(verdict: CommandVerdict<CommandRequest>): string {
  return verdict.kind === 'answer' ? (verdict.answer.code ?? verdict.phase) : verdict.kind;
}

describe('the command desk', () => {
  it('has a command run once and repeats its answer', () => {
    const desk = new CommandDesk(parseCommand);
    const verdict = desk.receive(arrival(), HERE, 0);
    expect(verdict).toMatchObject({ kind: 'run', request: { verb: 'ping', args: {} } });
    expect(desk.receive(arrival(), HERE, 1)).toEqual({ kind: 'answer', phase: 'accepted', answer: { ok: true } });
    if (verdict.kind === 'run') desk.finish(verdict.key, { ok: true, result: { n: 1 } });
    for (const sid of [SID, 'session-2']) {
      expect(desk.receive(arrival(), { ...HERE, sid }, 2)).toEqual({
        kind: 'answer',
        phase: 'done',
        answer: { ok: true, result: { n: 1 } },
      });
    }
    expect(desk.receive(arrival({ sender: 'monitor' }), HERE, 3).kind).toBe('run');
    expect(desk.counters()).toMatchObject({ commands: 2, commandsRepeated: 3 });
  });

  it.each([
    ['a command for another session', { sid: 'old' }, 'stale-session', 'session-1'],
    ['a retained command', { isRetained: true }, 'retained', 'never retained'],
    [
      'an unknown verb',
      { verb: 'reboot' },
      'unknown-verb',
      'allowed: ping, rebirth, snapshot, pause, resume, set-threshold',
    ],
    ['arguments of another verb', { args: { camera: 'front' } }, 'bad-args', 'camera: unknown key'],
    [
      'a camera outside the grammar',
      { verb: 'resume', args: { camera: 'A b' } },
      'bad-args',
      'camera: got "A b"; allowed: 1 to 32',
    ],
    [
      'several faults',
      { verb: 'set-threshold', args: { camera: 'front', label: 'person', value: 2, ttlS: 'x' } },
      'bad-args',
      'value: got 2; allowed: number, 0.01 to 1 (score that starts a track); ttlS: got "x"; allowed: number, 1 to 604800',
    ],
    ['a missing argument', { verb: 'snapshot' }, 'bad-args', 'camera: missing; allowed: '],
    ['arguments that are no map', { verb: 'snapshot', args: [1] }, 'bad-args', 'allowed: map of camera, label'],
  ] as const)('refuses %s, and says what is allowed', (_, more, code, text) => {
    const desk = new CommandDesk(parseCommand);
    const verdict = desk.receive(arrival(more), HERE, 0);
    expect(codeOf(verdict)).toBe(code);
    expect(verdict.kind === 'answer' && verdict.answer.message).toContain(text);
    expect(desk.counters().commandsRefused).toBe(1);
  });

  it.each([
    ['neither session nor end', { sid: undefined }, NOW_MS, 'bad-args'],
    ['an end that has come', { sid: undefined, untilMs: NOW_MS - 1 }, NOW_MS, 'expired'],
    ['an end just now', { sid: undefined, untilMs: NOW_MS }, NOW_MS, 'run'],
    ['an end in a minute', { sid: undefined, untilMs: NOW_MS + 60_000 }, NOW_MS, 'run'],
    ['an end too far ahead', { sid: undefined, untilMs: NOW_MS + 60_001 }, NOW_MS, 'bad-args'],
    ['an end, where the clock is not set', { sid: undefined, untilMs: NOW_MS }, undefined, 'no-clock'],
    ['the session, where the clock is not set', {}, undefined, 'run'],
    ['the session and an end that has come', { untilMs: NOW_MS - 1 }, NOW_MS, 'expired'],
    ['another session and an end to come', { sid: 'old', untilMs: NOW_MS + 1 }, NOW_MS, 'stale-session'],
  ])('judges a command with %s', (_, more, nowMs, expected) => {
    const desk = new CommandDesk(parseCommand);
    expect(codeOf(desk.receive(arrival(more), { sid: SID, nowMs }, 0))).toBe(expected);
  });

  it('runs under the same id what it refused for its session', () => {
    const desk = new CommandDesk(parseCommand);
    expect(codeOf(desk.receive(arrival({ sid: 'old' }), HERE, 0))).toBe('stale-session');
    expect(desk.receive(arrival(), HERE, 1).kind).toBe('run');
  });

  it('limits each sender by itself: refusals first, then silence, then all is well again', () => {
    const desk = new CommandDesk(parseCommand);
    const flood = Array.from({ length: 100 }, (_, i) =>
      codeOf(desk.receive(arrival({ id: `f${i}`, verb: 'no' }), HERE, 0)),
    );
    expect(flood.filter((code) => code === 'unknown-verb')).toHaveLength(20);
    expect(flood.filter((code) => code === 'try-again')).toHaveLength(20);
    expect(flood.filter((code) => code === 'drop')).toHaveLength(60);
    expect(desk.counters().commandsDropped).toBe(60);
    expect(desk.receive(arrival({ sender: 'monitor' }), HERE, 0).kind).toBe('run');
    expect(desk.receive(arrival(), HERE, 1000).kind).toBe('run');
  });

  it('has no more than sixteen under way', () => {
    const desk = new CommandDesk(parseCommand);
    const verdicts = Array.from({ length: 17 }, (_, i) => desk.receive(arrival({ id: `${i}` }), HERE, 0));
    expect(verdicts.map(codeOf)).toEqual([...Array.from({ length: 16 }, () => 'run'), 'try-again']);
    if (verdicts[0]?.kind === 'run') desk.finish(verdicts[0].key, { ok: false, code: 'failed' });
    expect(desk.receive(arrival({ id: '16' }), HERE, 0).kind).toBe('run');
    expect(desk.counters().commandsFailed).toBe(1);
  });

  it('never runs an id twice among the last 256, whatever the order, and forgets none that is under way', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.boolean()), { maxLength: 600 }), (steps) => {
        const desk = new CommandDesk(parseCommand);
        const running = new Map<string, string>();
        const recent: string[] = [];
        let nowMs = 0;
        for (const [n, isFinished] of steps) {
          nowMs += 1000;
          const id = `${n}`;
          const verdict = desk.receive(arrival({ id }), HERE, nowMs);
          if (verdict.kind === 'run') {
            expect(running.has(id)).toBe(false);
            expect(recent.slice(-240)).not.toContain(id);
            recent.push(id);
            running.set(id, verdict.key);
          }
          const key = running.get(id);
          if (isFinished && key !== undefined) {
            running.delete(id);
            desk.finish(key, { ok: true });
          }
        }
      }),
    ));
});

import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeBoardAnswer } from '../../protocol/board.js';
import { INVOCATION, StandInBoard, UNIT } from './stand-in-board.js';

const ACTED = [`--no-ask-password reset-failed -- ${UNIT}`, `--no-ask-password --no-block restart -- ${UNIT}`];
const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

let board: StandInBoard;
beforeEach(() => {
  board = new StandInBoard();
});
afterEach(() => board.remove());

async function outcomeOf(line: string): Promise<string> {
  const { answer } = await board.send(line);
  return typeof answer.why === 'string' ? `${answer.outcome} ${answer.why}` : answer.outcome;
}

describe('restart', () => {
  it('ends the invocation it names, after a reset of the start limit, and says what came instead', async () => {
    const { answer } = await board.send(`restart ${UNIT} ${INVOCATION}`);
    expect(answer).toMatchObject({ outcome: 'restarted', inv: board.invocation, audit: 'written' });
    expect(board.invocation).not.toBe(INVOCATION);
    expect(board.calls).toEqual(ACTED);
  });

  it('does nothing once the invocation is another one', async () => {
    const { answer } = await board.send(`restart ${UNIT} ${'f'.repeat(32)}`);
    expect(answer).toMatchObject({ outcome: 'already-restarted', inv: INVOCATION });
    expect(board.calls).toEqual([]);
  });

  it('acts once for two monitors that ask in the same moment', async () => {
    const line = `restart ${UNIT} ${INVOCATION}`;
    const answers = await Promise.all(Array.from({ length: 6 }, () => board.send(line)));
    const outcomes = answers.map(({ answer }) => answer.outcome).sort();
    expect(outcomes).toEqual([...Array.from({ length: 5 }, () => 'already-restarted'), 'restarted']);
    expect(board.calls).toEqual(ACTED);
  });

  it('takes `none` for a unit that has had no invocation', async () => {
    board.is({ InvocationID: '', ActiveState: 'failed', Result: 'exit-code' });
    expect(await outcomeOf(`restart ${UNIT} none`)).toBe('restarted');
  });

  it.each([
    ['a person stopped it', { ActiveState: 'inactive', SubState: 'dead' }, 'held stopped'],
    ['a person masked it', { LoadState: 'masked', ActiveState: 'failed', Result: 'signal' }, 'held stopped'],
    ['systemd is starting it', { ActiveState: 'activating', SubState: 'auto-restart' }, 'failed busy'],
    [
      'the board boots and has not come to it',
      { ActiveState: 'inactive', SubState: 'dead', Job: '117' },
      'failed busy',
    ],
    ['it is on its way down', { ActiveState: 'deactivating', SubState: 'stop-sigterm' }, 'failed busy'],
    ['it is not there', { LoadState: 'not-found' }, `refused this board has no ${UNIT}`],
  ])('does nothing when %s', async (_what, properties, outcome) => {
    board.is(properties);
    expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toBe(outcome);
    expect(board.calls).toEqual([]);
  });

  it.each(['exit-code', 'signal', 'core-dump', 'watchdog', 'oom-kill', 'start-limit-hit'])(
    'helps a unit that failed by %s',
    async (result) => {
      board.is({ ActiveState: 'failed', SubState: 'failed', Result: result });
      expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toBe('restarted');
    },
  );

  it('has five tokens per unit, then says when the next one comes', async () => {
    for (let i = 0; i < 5; i++) expect(await outcomeOf(`restart ${UNIT} ${board.invocation}`)).toBe('restarted');
    const { answer } = await board.send(`restart ${UNIT} ${board.invocation}`);
    expect(answer.outcome).toBe('budget');
    expect(answer.retryS).toBeGreaterThan(700);
    expect(answer.retryS).toBeLessThanOrEqual(720);
    expect(await outcomeOf(`restart vedette-broker.service ${board.invocation}`)).toBe('restarted');
  });

  it('is not fooled by a bucket that says it was full a hundred years from now', async () => {
    writeFileSync(join(board.run, `restarts.${UNIT}`), '999999999999\n');
    expect((await board.send(`probe ${UNIT}`)).answer.restartsLeft).toBe(0);
    expect((await board.send(`restart ${UNIT} ${INVOCATION}`)).answer).toMatchObject({
      outcome: 'budget',
      retryS: 720,
    });
  });

  it('hands on what systemd says, as plain text', async () => {
    board.refusesJobs();
    expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toBe('failed Job for it failed: attempted too often');
  });

  it('knows the nodes of this board only', async () => {
    expect(await outcomeOf(`restart vedette-edge@cam2.service ${INVOCATION}`)).toMatch(/^refused this board has no /);
    expect((await board.send('probe vedette-edge@cam2.service')).answer.load).toBe('not-found');
  });
});

describe('maintenance', () => {
  it('holds restarts and reboots until it is over, and shows whose it is', async () => {
    expect(await outcomeOf(`maintenance on ${UNIT} 600 anna lens-cleaning`)).toBe('ok');
    expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toBe('held maintenance');
    expect(await outcomeOf(`reboot ${BOOT}`)).toBe('held maintenance');
    const { answer } = await board.send(`probe ${UNIT}`);
    expect(answer.maintenance).toMatchObject({ by: 'anna', reason: 'lens-cleaning' });
    expect(await outcomeOf(`maintenance off ${UNIT}`)).toBe('ok');
    expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toBe('restarted');
  });

  it('runs out by itself, and stays visible', async () => {
    await board.send(`maintenance on ${UNIT} 600 anna lens-cleaning`);
    writeFileSync(
      join(board.state, `maintenance.${UNIT}`),
      `anna lens-cleaning ${Math.round(Date.now() / 1000) - 5}\n`,
    );
    const { answer } = await board.send(`probe ${UNIT}`);
    expect(answer.maintenance).toMatchObject({ by: 'anna' });
    expect(JSON.stringify(answer.maintenance)).toMatch(/"leftS":-/);
    expect(decodeBoardAnswer(JSON.stringify(answer)), 'a monitor can read it').toMatchObject({ outcome: 'ok' });
    expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toBe('restarted');
  });

  it('lasts a week at most', async () => {
    expect(await outcomeOf(`maintenance on ${UNIT} 604800 anna away`)).toBe('ok');
    expect(await outcomeOf(`maintenance on ${UNIT} 604801 anna away`)).toMatch(/^refused/);
  });
});

describe('reboot', () => {
  it('names the boot it wants to end', async () => {
    expect(await outcomeOf('reboot 00000000-0000-0000-0000-000000000000')).toBe('stale');
    expect(board.calls).toEqual([]);
    expect(await outcomeOf(`reboot ${BOOT}`)).toBe('rebooting');
    expect(board.calls).toEqual(['--no-ask-password --no-block --job-mode=replace-irreversibly start reboot.target']);
  });

  it('has one token in six hours, across reboots', async () => {
    await board.send(`reboot ${BOOT}`);
    const { answer } = await board.send(`reboot ${BOOT}`);
    expect(answer.outcome).toBe('budget');
    expect(answer.retryS).toBeGreaterThan(21_000);
    board.booted(21_601);
    expect(await outcomeOf(`reboot ${BOOT}`)).toBe('rebooting');
  });
});

describe('a probe', () => {
  it('reads what the node says of itself, value by value', async () => {
    const lines = [`inv=${INVOCATION}`, 'gen=7', 'mqtt=1', 'frame_age_ms=40', 'infer_age_ms=-', 'mono_ms=1', 'x"=","y'];
    writeFileSync(join(board.health, 'health'), `${lines.join('\n')}\n`);
    const { answer } = await board.send(`probe ${UNIT}`);
    expect(answer.health).toMatchObject({
      inv: INVOCATION,
      gen: 7,
      mqttConnected: true,
      frameAgeMs: 40,
      inferAgeMs: null,
    });
    expect(Object.keys(Object(answer.health)).sort()).toEqual([
      'ageMs',
      'frameAgeMs',
      'gen',
      'inferAgeMs',
      'inv',
      'mqttConnected',
    ]);
  });

  it.each([
    '',
    '\n\n\n',
    'gen=1e9\ninv="},"outcome":"restarted"\n',
    `mqtt=1${'x'.repeat(5000)}`,
    'gen=007\nmono_ms=0x1\n',
  ])('is not led astray by a health file of %j', async (text) => {
    writeFileSync(join(board.health, 'health'), text);
    const { answer, lines } = await board.send(`probe ${UNIT}`);
    expect(answer).toMatchObject({ outcome: 'ok', inv: INVOCATION });
    expect(lines).toBe(1);
  });

  it('writes nothing', async () => {
    await board.send(`probe ${UNIT}`);
    expect(board.calls).toEqual([]);
    expect(board.audit).toEqual([]);
  });
});

describe('the audit log', () => {
  it('has one line per call, and what is outside the grammar apart', async () => {
    await board.send(`restart ${UNIT} ${INVOCATION}`);
    await board.send('rm -rf /');
    expect(board.audit).toHaveLength(1);
    expect(JSON.parse(board.audit[0] ?? '')).toMatchObject({
      line: `restart ${UNIT} ${INVOCATION}`,
      outcome: 'restarted',
    });
    expect(board.refused).toHaveLength(1);
    expect(board.refused[0]).not.toContain('rm -rf');
  });

  it('is bounded: one older file is kept', async () => {
    const path = join(board.state, 'audit.jsonl');
    writeFileSync(path, 'x'.repeat(262_145));
    await board.send(`reset-failed ${UNIT}`);
    expect(statSync(path).size).toBeLessThan(1000);
    expect(statSync(`${path}.1`).size).toBe(262_145);
  });

  it('that cannot be written is said, and stops no restart', async () => {
    rmSync(board.state, { recursive: true });
    const { answer } = await board.send(`restart ${UNIT} ${INVOCATION}`);
    expect(answer).toMatchObject({ outcome: 'restarted', audit: 'unwritable' });
  });
});

it('a board whose folder in memory is missing says which program makes it', async () => {
  rmSync(board.run, { recursive: true });
  expect(await outcomeOf(`restart ${UNIT} ${INVOCATION}`)).toContain('systemd-tmpfiles makes it');
});

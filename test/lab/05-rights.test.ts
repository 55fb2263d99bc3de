import { describe, expect, it } from 'vitest';
import { HOSTILE_COMMANDS } from '../fuzz/hostile-commands.js';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { report } from './fleet-watch.js';

const board = new Board(2);
const unit = unitOf('cam2');

/** What a thief of the monitor's key would try first. */
describe("the monitor's key", () => {
  it('opens no shell, no terminal and no file transfer', async () => {
    for (const words of [[], ['id'], ['sh', '-i'], ['internal-sftp'], ['scp', '-f', '/etc/shadow']]) {
      const { out } = await board.ssh(words);
      expect(JSON.parse(out), words.join(' ')).toMatchObject({ outcome: 'refused' });
    }
    const terminal = await board.ssh([`probe ${unit}`], ['-tt', '-o', 'LogLevel=INFO']);
    expect(terminal.err).toContain('PTY allocation request failed');
    const subsystem = await board.ssh(['-s', 'sftp'].reverse(), ['-s']);
    expect(subsystem.out).not.toContain('sftp');
  });

  it('forwards nothing', async () => {
    const { status, err } = await board.ssh([], ['-W', '127.0.0.1:22', '-o', 'LogLevel=INFO']);
    expect(status).not.toBe(0);
    expect(err).toMatch(/prohibited|forwarding failed|disabled/i);
  });

  it('is the only one: another key is refused', async () => {
    const { status, err } = await board.ssh([`probe ${unit}`], [], 'stranger');
    expect(status).toBe(255);
    expect(err).toContain('Permission denied');
  });

  it('gets one refusal for whatever it sends outside the grammar', async () => {
    // A few of each kind: every one is a login. The whole list is fuzzed without SSH.
    const some = HOSTILE_COMMANDS.filter((line, at) => at % 6 === 0 && line.length < 2000);
    for (const line of some) {
      const { out, status } = await board.ssh([line]);
      expect(status, JSON.stringify(line)).toBe(0);
      expect(JSON.parse(out), JSON.stringify(line)).toMatchObject({ outcome: 'refused' });
    }
    report('hostile commands over SSH', undefined, `${some.length} sent, ${some.length} refused`);
  });
});

describe('the user of the forced command', () => {
  const asUser = (...words: string[]) => board.tried('runuser', '-u', 'vedette-ctl', '--', ...words);
  const systemctl = (...words: string[]) => asUser('systemctl', '--no-ask-password', ...words);

  it('may restart the units of Vedette', async () => {
    expect((await systemctl('reset-failed', unit)).status).toBe(0);
    expect((await systemctl('restart', '--no-block', unit)).status).toBe(0);
  });

  it.each([
    ['restart', 'ssh.service'],
    ['restart', 'vedette-monitor.service'],
    ['restart', 'vedette-edge@cam2.service', 'ssh.service'],
    ['stop', 'vedette-edge@cam2.service'],
    ['start', 'vedette-edge@cam2.service'],
    ['disable', 'vedette-edge@cam2.service'],
    ['mask', 'vedette-edge@cam2.service'],
    ['kill', 'vedette-edge@cam2.service'],
    ['set-property', 'vedette-edge@cam2.service', 'MemoryMax=1'],
    ['edit', '--full', 'vedette-edge@cam2.service'],
    ['start', 'poweroff.target'],
    ['start', 'rescue.target'],
    ['daemon-reload'],
  ])('may not %s %s %s', async (...words) => {
    const { status, err } = await systemctl(...words);
    expect(status, err).not.toBe(0);
  });

  it('may not write where its keys and its rights are, nor become somebody else', async () => {
    for (const path of [
      '/etc/ssh/vedette-ctl.keys',
      '/usr/local/sbin/vedette-boardctl',
      '/etc/polkit-1/rules.d/x',
      '/.ssh',
    ]) {
      expect((await asUser('sh', '-c', `: >>${path}`)).status, path).not.toBe(0);
    }
    expect((await asUser('sudo', '-n', 'id')).status).not.toBe(0);
    expect((await asUser('cat', '/etc/vedette/edge/cam2.password')).status).not.toBe(0);
  });
});

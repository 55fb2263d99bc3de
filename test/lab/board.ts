import { join } from 'node:path';
import { z } from 'zod';
import { addressOf, keyFile } from './fleet-plan.js';
import { lab, type Ran, ran } from './lab-command.js';

const Answer = z.looseObject({ outcome: z.string() });

/** A board of the lab, seen from outside and, by its console, from inside. */
export class Board {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }

  /** On the board's console, as root; works without its network. */
  console(...command: string[]): Promise<string> {
    return lab('exec', String(this.index), ...command);
  }

  /** The same, for a command that may fail. */
  tried(...command: string[]): Promise<Ran> {
    return ran(process.env.VEDETTE_LAB_PROGRAM ?? '', ['exec', String(this.index), ...command]);
  }

  async property(unit: string, name: string): Promise<string> {
    return (await this.console('systemctl', 'show', '--value', '-p', name, '--', unit)).trim();
  }

  invocation(unit: string): Promise<string> {
    return this.property(unit, 'InvocationID');
  }

  /** Waits until systemd says so, or something like it. */
  async reaches(unit: string, name: string, value: string | RegExp, timeoutMs = 60_000): Promise<void> {
    let last = '';
    const endMs = Date.now() + timeoutMs;
    while (typeof value === 'string' ? last !== value : !value.test(last)) {
      if (Date.now() > endMs) throw new Error(`${unit}: ${name} is ${last}, not ${value}, after ${timeoutMs} ms`);
      last = await this.property(unit, name);
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  /** What one life of a unit has said. */
  async journal(invocation: string): Promise<string> {
    const { out } = await this.tried('journalctl', '--no-pager', '-q', `_SYSTEMD_INVOCATION_ID=${invocation}`);
    return out;
  }

  /** Waits until one life of a unit has said this in the journal. */
  async saysOf(unit: string, invocation: string, text: string, timeoutMs = 60_000): Promise<void> {
    const endMs = Date.now() + timeoutMs;
    for (;;) {
      const out = await this.journal(invocation);
      if (out.includes(text)) return;
      if (Date.now() > endMs) throw new Error(`${unit} has not said "${text}" within ${timeoutMs} ms:\n${out}`);
      await new Promise((done) => setTimeout(done, 500));
    }
  }

  /** The monitor's key, any words: what sshd and the forced command make of them. */
  ssh(words: readonly string[], options: readonly string[] = [], key = 'monitor'): Promise<Ran> {
    const known = join(process.env.LAB_DIR ?? '', 'ssh', 'known_hosts');
    return ran('ssh', [
      ...[
        '-F',
        'none',
        '-i',
        keyFile(key),
        '-o',
        'IdentitiesOnly=yes',
        '-o',
        'BatchMode=yes',
        '-o',
        'ConnectTimeout=5',
      ],
      ...['-o', 'LogLevel=ERROR', '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes'],
      ...options,
      `vedette-ctl@${addressOf(this.index)}`,
      ...words,
    ]);
  }

  /** One command of the board protocol over real SSH. */
  async boardctl(line: string): Promise<z.infer<typeof Answer>> {
    const { status, out, err } = await this.ssh([line]);
    if (status !== 0) throw new Error(`boardctl ${line}: status ${status} ${err}`);
    return Answer.parse(JSON.parse(out));
  }

  /** Lines of the board's audit log since `since`, ms of wall clock. */
  async audit(sinceMs: number): Promise<string[]> {
    const { out } = await this.tried('cat', '/var/lib/vedette-boardctl/audit.jsonl');
    const lines = out.split('\n').filter((line) => line !== '');
    return lines.filter((line) => Number(/"at":(\d+)/.exec(line)?.[1] ?? 0) >= Math.floor(sinceMs / 1000));
  }

  /** Kills a unit as often as it comes back, until systemd has had enough. */
  async crashLoop(unit: string): Promise<void> {
    const loop = `until [ "$(systemctl show --value -p ActiveState ${unit})" = failed ]; do
      systemctl kill --kill-who=main --signal=KILL ${unit} 2>/dev/null; sleep 0.3; done`;
    await this.console('timeout', '120', 'sh', '-c', loop);
  }

  /** Forgets what other chapters did: full token buckets, no maintenance, no failure; the unit runs or is started. */
  async forget(unit: string): Promise<void> {
    await this.console('sh', '-c', 'rm -f /run/vedette-boardctl/* /var/lib/vedette-boardctl/{reboots,maintenance.*}');
    await this.tried('systemctl', 'reset-failed', unit);
    await this.console('systemctl', 'start', '--no-block', unit);
  }
}

import { readFile } from 'node:fs/promises';
import { freemem, loadavg, uptime } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import {
  type ActionAnswer,
  BOARD_PROTOCOL,
  type BoardAnswer,
  type BoardCommand,
  type ProbeAnswer,
  parseBoardCommand,
} from '../../protocol/board.js';
import { TokenBucket } from './token-bucket.js';
import type { UnitProcess } from './unit-process.js';

const HELPER = 'firmware-sim';
/** As on a real board: 5 restarts an hour, one reboot per 6 h. */
const RESTARTS = 5;
const HOUR_MS = 3_600_000;
const REBOOT_MS = 6 * HOUR_MS;

export type BoardctlOptions = {
  readonly unitName: string;
  readonly unit: UnitProcess;
  readonly runtimeDir: string;
  readonly boot: string;
  readonly clock: Clock;
  /** Ends the board, which comes back with another boot id. */
  readonly reboot: () => void;
  /** Restarts per hour, where a demo wants to be generous. */
  readonly restartsPerHour?: number;
  /** Every order but `probe`, with its answer. */
  readonly audit: (line: string, answer: BoardAnswer) => void;
};

type Maintenance = { readonly by: string; readonly reason: string; readonly untilMonoMs: number };

/** What `vedette-boardctl` does on a real board, for a simulated one: docs/board-protocol.md. */
export class Boardctl {
  readonly #options: BoardctlOptions;
  readonly #restarts: TokenBucket;
  readonly #reboots: TokenBucket;
  #maintenance: Maintenance | undefined;
  /** One order at a time, as under `flock`. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: BoardctlOptions) {
    const perHour = options.restartsPerHour ?? RESTARTS;
    this.#options = options;
    this.#restarts = new TokenBucket(perHour, HOUR_MS / perHour, options.clock);
    this.#reboots = new TokenBucket(1, REBOOT_MS, options.clock);
  }

  /** Carries out one line. Never rejects. */
  async answer(line: string): Promise<BoardAnswer> {
    const command = parseBoardCommand(line);
    if (typeof command === 'string') return this.#audited(line, action('refused', 'refused', { why: command }));
    if (command.verb === 'probe') return this.#ownUnit(command) ?? this.#probe();
    const answering = this.#turn.then(() => this.#act(command));
    this.#turn = answering;
    return this.#audited(line, await answering);
  }

  #audited(line: string, answer: BoardAnswer): BoardAnswer {
    this.#options.audit(line, answer);
    return answer;
  }

  #ownUnit(command: BoardCommand): ActionAnswer | undefined {
    if (command.verb === 'reboot' || command.unit === this.#options.unitName) return undefined;
    return action(command.verb, 'refused', { why: `no unit ${command.unit} on this board` });
  }

  async #act(command: Exclude<BoardCommand, { verb: 'probe' }>): Promise<ActionAnswer> {
    const refused = this.#ownUnit(command);
    if (refused !== undefined) return refused;
    switch (command.verb) {
      case 'restart':
        return this.#restart(command.expected);
      case 'reboot':
        return this.#reboot(command.boot);
      case 'maintenance':
        return this.#setMaintenance(command.on);
      default:
        return action(command.verb, 'ok', {});
    }
  }

  async #restart(expected: string | null): Promise<ActionAnswer> {
    const { unit } = this.#options;
    const { inv, active } = unit.state;
    if (inv !== expected) return action('restart', 'already-restarted', { inv });
    if (this.#held() !== undefined) return action('restart', 'held', { why: 'maintenance' });
    if (active === 'inactive') return action('restart', 'held', { why: 'stopped' });
    if (active === 'deactivating') return action('restart', 'failed', { why: 'busy' });
    if (!this.#restarts.take()) return action('restart', 'budget', { retryS: this.#restarts.retryS });
    await unit.stop();
    unit.start();
    return action('restart', 'restarted', { inv: unit.state.inv });
  }

  #reboot(boot: string): ActionAnswer {
    if (boot !== this.#options.boot) return action('reboot', 'stale', { boot: this.#options.boot });
    if (this.#held() !== undefined) return action('reboot', 'held', { why: 'maintenance' });
    if (!this.#reboots.take()) return action('reboot', 'budget', { retryS: this.#reboots.retryS });
    this.#options.reboot();
    return action('reboot', 'rebooting', {});
  }

  #setMaintenance(on: Extract<BoardCommand, { verb: 'maintenance' }>['on']): ActionAnswer {
    this.#maintenance =
      on === null
        ? undefined
        : { by: on.by, reason: on.reason, untilMonoMs: this.#options.clock.monoMs() + on.seconds * 1000 };
    return action('maintenance', 'ok', {});
  }

  #held(): Maintenance | undefined {
    if (this.#maintenance !== undefined && this.#options.clock.monoMs() >= this.#maintenance.untilMonoMs) {
      this.#maintenance = undefined;
    }
    return this.#maintenance;
  }

  async #probe(): Promise<ProbeAnswer> {
    const { unitName, unit, boot, clock } = this.#options;
    const { active, sub, result, inv, exitCode, exitStatus, startedMonoMs } = unit.state;
    const held = this.#held();
    const monoMs = clock.monoMs();
    return {
      v: BOARD_PROTOCOL,
      helper: HELPER,
      verb: 'probe',
      outcome: 'ok',
      unit: unitName,
      load: 'loaded',
      active,
      sub,
      result,
      inv,
      restarts: 0,
      exitCode,
      exitStatus,
      startedMonoMs: startedMonoMs === null ? null : Math.round(startedMonoMs),
      watchdogMonoMs: null,
      monoMs: Math.round(monoMs),
      boot,
      upS: Math.round(uptime()),
      load1: loadavg()[0] ?? 0,
      memAvailableKiB: Math.round(freemem() / 1024),
      diskFreeKiB: null,
      throttled: null,
      maintenance:
        held === undefined
          ? null
          : { by: held.by, reason: held.reason, leftS: Math.ceil((held.untilMonoMs - monoMs) / 1000) },
      restartsLeft: this.#restarts.left,
      rebootsLeft: this.#reboots.left,
      health: await readHealth(this.#options.runtimeDir),
    };
  }
}

function action(verb: string, outcome: ActionAnswer['outcome'], more: Partial<ActionAnswer>): ActionAnswer {
  return { v: BOARD_PROTOCOL, helper: HELPER, verb, outcome, ...more };
}

/** The pulse of the service; null without one. What is outside its pattern is left out. */
async function readHealth(runtimeDir: string): Promise<ProbeAnswer['health']> {
  const text = await readFile(join(runtimeDir, 'health'), 'utf8').catch(() => undefined);
  if (text === undefined) return null;
  const fields = new Map(text.split('\n').map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']));
  const number = (key: string) => (/^\d{1,15}$/.test(fields.get(key) ?? '') ? Number(fields.get(key)) : null);
  const writtenMs = number('mono_ms');
  const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
  const inv = fields.get('inv') ?? '';
  return {
    ageMs: writtenMs === null ? null : Math.max(0, nowMs - writtenMs),
    inv: /^[0-9a-f]{32}$/.test(inv) ? inv : null,
    gen: number('gen'),
    mqttConnected: fields.get('mqtt') === '1',
    frameAgeMs: number('frame_age_ms'),
    inferAgeMs: number('infer_age_ms'),
  };
}

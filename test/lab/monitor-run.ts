import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { field, type Program, runVedette } from '../system/demo-run.js';
import { Board } from './board.js';
import { actingMonitor, BROKER_BOARD, keyFile, NODES, type NodeName, passwordFile } from './fleet-plan.js';
import type { FleetWatch } from './fleet-watch.js';
import { lab, push, workDir } from './lab-command.js';

const UNIT = 'vedette-monitor.service';

/** Fingerprints of the boards' host keys, read as docs/operations.md says, on their consoles. */
export async function hostKeys(): Promise<Map<number, string>> {
  const boards = [BROKER_BOARD, ...Object.values(NODES)];
  const keys = boards.map(async (board): Promise<[number, string]> => {
    const shown = await lab('exec', String(board), 'ssh-keygen', '-lf', '/etc/ssh/ssh_host_ed25519_key.pub');
    return [board, /SHA256:\S+/.exec(shown)?.[0] ?? shown];
  });
  return new Map(await Promise.all(keys));
}

/** A monitor that acts on the boards, on this machine or by its shipped unit. Each knows nothing of an earlier one. */
export class MonitorRun {
  readonly name: string;
  readonly #program: Program | undefined;

  private constructor(name: string, program: Program | undefined) {
    this.name = name;
    this.#program = program;
  }

  static async here(name = 'monitor', keys?: ReadonlyMap<number, string>): Promise<MonitorRun> {
    const files = { passwordFile: passwordFile(name), sshKeyFile: keyFile('monitor') };
    const config = join(workDir(), `${name}.yaml`);
    const state = join(workDir(), `${name}.state`);
    writeFileSync(config, actingMonitor(name, keys ?? (await hostKeys()), files));
    rmSync(state, { recursive: true, force: true });
    return new MonitorRun(name, runVedette('monitor', '--config', config, '--state', state));
  }

  /** On board 1, set up as docs/operations.md says; `plan` is what its configuration has besides the chapters'. */
  static async unit(plan: Readonly<Record<string, number>> = {}): Promise<MonitorRun> {
    const board = new Board(BROKER_BOARD);
    const config = actingMonitor('monitor', await hostKeys(), undefined, plan);
    await push(BROKER_BOARD, config, '/etc/vedette/monitor.yaml');
    await push(BROKER_BOARD, readFileSync(passwordFile('monitor'), 'utf8'), '/etc/vedette/monitor.password', 0o600);
    await push(BROKER_BOARD, readFileSync(keyFile('monitor'), 'utf8'), '/etc/vedette/monitor.ssh-key', 0o600);
    await board.console('systemctl', 'stop', UNIT);
    await board.console('sh', '-c', 'rm -rf /var/lib/private/vedette-monitor/monitor');
    await board.console('systemctl', 'start', UNIT);
    return new MonitorRun('monitor', undefined);
  }

  /** Waits until it can see, and believes that these nodes are up. */
  async sees(watch: FleetWatch, ...nodes: NodeName[]): Promise<void> {
    const { mark } = watch;
    const isReady = () => {
      const roster = watch.roster(this.name, mark);
      const areUp = nodes.every((node) => field(roster, 'nodes', node) === 'up');
      return field(roster, 'mode') === 'watching' && areUp;
    };
    await watch.waitFor(`${this.name} sees ${nodes}; it said:\n${this.said()}`, isReady, 60_000);
  }

  /** Its last words, where it runs here. */
  said(): string {
    return [...(this.#program?.lines ?? []), ...(this.#program?.errors ?? [])].slice(-30).join('\n');
  }

  signal(name: NodeJS.Signals): void {
    this.#program?.child.kill(name);
  }

  async end(): Promise<void> {
    if (this.#program !== undefined) await this.#program.end('SIGTERM');
    else await new Board(BROKER_BOARD).console('systemctl', 'stop', UNIT);
  }
}

import { randomBytes } from 'node:crypto';
import { readSecretFile } from '../../base/config.js';
import { openLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { softwareVersion } from '../../base/software-version.js';
import { runSensorBoard } from '../../firmware-sim/sensor/sensor-board.js';
import type { CommandContext } from '../command-context.js';
import { serviceStateDir } from '../service/service-options.js';

export type SimSensorsOptions = {
  readonly broker: readonly string[];
  readonly node: string;
  readonly passwordFile?: string;
  readonly root: string;
  readonly seed: string;
  readonly state?: string;
};

/** Runs a simulated sensor board until it is told to stop. */
export async function runSimSensors(options: SimSensorsOptions, context: CommandContext): Promise<void> {
  const { broker, node, passwordFile, root, seed, state } = options;
  const password = passwordFile === undefined ? undefined : await readSecretFile(passwordFile, context.env);
  await runSensorBoard(
    {
      brokers: broker,
      node,
      root,
      seed,
      ...(password === undefined ? {} : { password }),
      stateDir: serviceStateDir(state, context),
      version: softwareVersion(),
      clock: context.clock,
      random: new Random(randomBytes(16).toString('hex')),
      log: openLog('sensors', 'info'),
    },
    context.signal,
  );
}

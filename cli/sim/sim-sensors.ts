import { randomBytes } from 'node:crypto';
import { OperationError } from '../../base/errors.js';
import { openLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { readSecretFile } from '../../base/secret-file.js';
import { softwareVersion } from '../../base/software-version.js';
import { runSensorBoard } from '../../firmware-sim/sensor/sensor-board.js';
import type { SensorKind } from '../../firmware-sim/sensor/sensor-kind.js';
import { sensorSample } from '../../firmware-sim/sensor/sensor-sample.js';
import type { CommandContext } from '../command-context.js';
import { serviceStateDir } from '../service/service-options.js';

export type SimSensorsOptions = {
  readonly broker: readonly string[];
  readonly node: string;
  readonly passwordFile?: string;
  readonly root: string;
  readonly seed: string;
  readonly state?: string;
  readonly print?: SensorKind;
};

/** Runs a simulated sensor board until it is told to stop; with `print` says what one part says now. */
export async function runSimSensors(options: SimSensorsOptions, context: CommandContext): Promise<void> {
  const { broker, node, passwordFile, root, seed, state, print } = options;
  if (print !== undefined) return printSample(print, seed, context);
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

function printSample(kind: SensorKind, seed: string, { clock, out }: CommandContext): void {
  const sample = sensorSample(kind, seed, clock.nowMs());
  if (sample === undefined) {
    throw new OperationError({
      code: 'unreachable',
      op: 'read',
      subject: `simulated sensor ${kind}`,
      message: 'the part does not answer',
    });
  }
  out.write(`${sample}\n`);
}

import type { CommandContext } from '../command-context.js';
import { runDemo } from '../demo/demo.js';
import { serviceStateDir } from './service-options.js';

export type DemoCommandOptions = {
  readonly nodes: number;
  readonly duration?: number;
  readonly port: number;
  readonly camera?: string;
  readonly model?: string;
  readonly broker?: string;
  readonly credentials?: string;
  readonly seed: string;
  readonly state?: string;
  readonly json?: boolean;
};

/** Runs the demo until Ctrl-C or for the time asked for. */
export async function runDemoCommand(options: DemoCommandOptions, context: CommandContext): Promise<void> {
  const { nodes, duration, port, camera, model, broker, credentials, seed, state, json } = options;
  await runDemo(
    {
      nodes,
      port,
      seed,
      json: json === true,
      stateDir: serviceStateDir(state, context),
      ...(duration === undefined ? {} : { durationS: duration }),
      ...(camera === undefined ? {} : { camera }),
      ...(model === undefined ? {} : { model }),
      ...(broker === undefined ? {} : { brokerUrl: broker }),
      ...(credentials === undefined ? {} : { credentialsDir: credentials }),
    },
    context.signal,
    { out: context.out, err: context.err, clock: context.clock, self: context.self, rows: () => process.stdout.rows },
  );
}

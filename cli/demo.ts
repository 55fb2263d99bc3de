import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { numberBetween, wholeNumber } from './option-values.js';
import { STATE_HELP } from './service/service-options.js';

/** `vedette demo`: what `npm start` runs. */
export function registerDemo(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('run everything on this machine, with simulated cameras or a real one')
    // Sixteen is DEMO_NODES_MAX: what the names and ports of one machine are laid out for.
    .option('--nodes <n>', 'camera nodes', wholeNumber(1, 16), 3)
    .option('--duration <s>', 'end after so many seconds (default: at Ctrl-C)', numberBetween(1, 31_536_000))
    .option(
      '--port <port>',
      "port of the demo's broker, on loopback only; 0 takes any free one",
      wholeNumber(0, 65_535),
      1883,
    )
    .option(
      '--camera <source>',
      'what every node watches: sim:SEED, file:PATH, webcam:/dev/video0, rtsp://HOST/PATH ...',
    )
    .option('--model <file>', 'an .onnx file with its manifest (default: the built-in model of the simulated world)')
    .option('--broker <url>', 'use a broker that runs already')
    .option(
      '--credentials <dir>',
      'folder of NAME.password files for that broker: operator (what the demo reads as), monitor, sensors, cam1, ...',
    )
    .option('--seed <seed>', 'what the simulated scenes and sensors are made from', '1')
    .option('--state <dir>', STATE_HELP)
    .option('--json', 'one JSON object per second and a summary at the end')
    .addHelpText(
      'after',
      `
Examples:
  vedette demo
  vedette demo --nodes 1 --duration 30 --json
  vedette demo --camera file:clip.mp4 --model yolox_nano.onnx
  mosquitto_sub -v -t 'vedette/#' -T '+/+/+/+/+/+/snapshot/#'   in another window: see all but the pictures`,
    )
    .action(async (options: import('./service/demo-run.js').DemoCommandOptions) => {
      const { runDemoCommand } = await import('./service/demo-run.js');
      await runDemoCommand(options, context);
    });
}

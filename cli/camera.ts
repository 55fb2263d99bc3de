import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { numberBetween } from './option-values.js';

type ListOptions = { readonly json?: boolean };
type TestOptions = {
  readonly json?: boolean;
  readonly out: string;
  readonly seconds: number;
  readonly passwordFile?: string;
};

/** `vedette camera`: what is attached, and whether it gives pictures. */
export function registerCamera(program: Command, context: CommandContext): void {
  const camera = program.command('camera').description('cameras: what is attached, and a frame of it');
  camera
    .command('list')
    .description('cameras attached to this board')
    .option('--json', 'one JSON object: {cameras: [{source, name}]}')
    .addHelpText('after', '\nExamples:\n  vedette camera list\n  vedette camera list --json')
    .action(async ({ json }: ListOptions) => {
      const { runCameraList } = await import('./camera/camera-list.js');
      await runCameraList(json === true, context);
    });
  camera
    .command('test')
    .description('open a camera as a node would, measure it, and write one frame as a picture')
    .argument('<source>', 'sim:SEED, file:PATH, webcam:/dev/videoN, v4l2:/dev/videoN, rtsp://..., http://..., rpicam:N')
    .option('--out <file>', 'picture to write (.jpg, .png or .webp)', 'camera-test.jpg')
    .option('--seconds <s>', 'how long to look', numberBetween(1, 600), 5)
    .option('--password-file <file>', 'password at an IP camera, mode 0600; its user name stands in the address')
    .option('--json', 'one JSON object: {source, frames, fps, widthPx, heightPx, firstFrameMs, picture}')
    .addHelpText(
      'after',
      `
Exit codes: 0 it gives pictures, 69 it does not.

Examples:
  vedette camera test webcam:/dev/video0
  vedette camera test rtsp://192.168.1.20/stream1 --seconds 10 --out yard.jpg
  vedette camera test rtsp://admin@192.168.1.20/stream1 --password-file yard.password`,
    )
    .action(async (source: string, options: TestOptions) => {
      const { runCameraTest } = await import('./camera/camera-test.js');
      await runCameraTest(source, options, context);
    });
}

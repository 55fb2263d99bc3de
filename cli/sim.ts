import { type Command, Option } from 'commander';
import { SENSOR_KINDS } from '../firmware-sim/sensor/sensor-kind.js';
import type { CommandContext } from './command-context.js';
import { numberBetween, pictureSize, wholeNumber } from './option-values.js';
import { STATE_HELP } from './service/service-options.js';

/** `vedette sim`: simulated hardware. */
export function registerSim(program: Command, context: CommandContext): void {
  const sim = program.command('sim').description('simulated hardware: cameras, sensors, training pictures');
  registerCamera(sim, context);
  registerExport(sim, context);
  registerSensors(sim, context);
  registerBoard(sim, context);
}

function registerCamera(sim: Command, context: CommandContext): void {
  sim
    .command('camera')
    .description('run a simulated camera: into a file, over HTTP, as a pipe of raw frames, or to a broker')
    .option('--out <file>', 'write a clip: JPEG pictures one after the other (.mjpeg)')
    .option('--truth <file>', 'with --out: what is to be seen in every frame, JSON')
    .option('--frames <n>', 'with --out: length of the clip', wholeNumber(1, 1_000_000), 100)
    .option('--serve <port>', 'serve MJPEG over HTTP; 0 takes any free port', wholeNumber(0, 65_535))
    .option('--host <address>', 'with --serve: where to listen; the stream has no login', '127.0.0.1')
    .option(
      '--publish <url...>',
      'publish JPEGs to a broker, or the first of several that is there, for nodes that share',
    )
    .option('--source <name>', 'with --publish: name of the source, its user name and client id')
    .option('--password-file <file>', 'with --publish: file with its MQTT password')
    .option('--root <root>', 'with --publish: first level of every topic', 'vedette')
    .option('--pipe', 'write raw frames to standard output, as a node reads them')
    .option('--fault <KIND@S>', 'with --pipe: unplug, freeze or garbage after so many seconds, e.g. freeze@10')
    .option('--seed <seed>', 'what the scene is made from; same seed, same pictures', '1')
    .addOption(
      new Option('--size <WxH>', 'size of a frame')
        .argParser(pictureSize)
        .default({ widthPx: 640, heightPx: 480 }, '640x480'),
    )
    .option('--fps <n>', 'frames per second', numberBetween(0.1, 60), 10)
    .option('--family <name>', 'kind of scene: street, yard, park or room (default: by the seed)')
    .option('--quality <n>', 'JPEG quality', wholeNumber(1, 100), 85)
    .option('--json', 'with --out a summary, with --serve the address, as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  vedette sim camera --seed 7 --frames 300 --out /tmp/x.mjpeg --truth /tmp/x.json
  vedette sim camera --serve 8090
  vedette sim camera --publish mqtt://192.168.1.5 --source yard --password-file yard.password --fps 2
  vedette sim camera --pipe --fault unplug@20 | wc -c`,
    )
    .action(async (options: import('./sim/sim-camera.js').SimCameraOptions) => {
      const { runSimCamera } = await import('./sim/sim-camera.js');
      await runSimCamera(options, context);
    });
}

function registerExport(sim: Command, context: CommandContext): void {
  sim
    .command('export')
    .description('write pictures of simulated scenes with their truth in the layout of COCO')
    .requiredOption('--out <dir>', 'folder to write; made if absent')
    .option('--count <n>', 'number of pictures', wholeNumber(1, 1_000_000), 100)
    .option('--seed <seed>', 'what the scenes are made from; same seed, same pictures', '1')
    .addOption(
      new Option('--size <WxH>', 'size of a picture')
        .argParser(pictureSize)
        .default({ widthPx: 640, heightPx: 480 }, '640x480'),
    )
    .addOption(
      new Option('--mix <kind>', 'demo: as the live camera; training: hard; mixed: both; regions: parts cut from both')
        .choices(['demo', 'training', 'mixed', 'regions'])
        .default('mixed'),
    )
    .addOption(
      new Option('--format <kind>', 'jpeg: images/NNNNNN.jpg; packed: one file images.u8 for the trainer')
        .choices(['jpeg', 'packed'])
        .default('jpeg'),
    )
    .option('--workers <n>', 'threads; the pictures do not depend on it', wholeNumber(1, 16), 2)
    .option('--json', 'one JSON object at the end: {images, annotations, annotationsPath}')
    .addHelpText('after', '\nExamples:\n  vedette sim export --out /tmp/scenes --count 200 --seed 7 --size 320x240')
    .action(async (options: import('./sim/sim-export.js').SimExportOptions) => {
      const { runSimExport } = await import('./sim/sim-export.js');
      await runSimExport(options, context);
    });
}

function registerSensors(sim: Command, context: CommandContext): void {
  sim
    .command('sensors')
    .description('run a simulated board with sensors for temperature, humidity, light and air')
    .option('--broker <url...>', 'brokers in order of preference', ['mqtt://127.0.0.1:1883'])
    .option('--node <name>', 'name of the board: its node id, user name and client id', 'sensors')
    .option('--password-file <file>', 'file with its MQTT password')
    .option('--root <root>', 'first level of every topic', 'vedette')
    .addOption(
      new Option('--print <kind>', 'no board: print what this one part says now, as a node reads it, and end').choices([
        ...SENSOR_KINDS,
      ]),
    )
    .option('--seed <seed>', 'what its world and its faults are made from', '1')
    .option('--state <dir>', STATE_HELP)
    .addHelpText(
      'after',
      `
Examples:
  vedette sim sensors --broker mqtt://192.168.1.5 --node garden --password-file garden.password
  vedette sim sensors --print temperature --seed 7`,
    )
    .action(async (options: import('./sim/sim-sensors.js').SimSensorsOptions) => {
      const { runSimSensors } = await import('./sim/sim-sensors.js');
      await runSimSensors(options, context);
    });
}

function registerBoard(sim: Command, context: CommandContext): void {
  sim
    .command('board')
    .description('run a simulated board: one edge service, and an SSH door that a monitor can knock at')
    .requiredOption('--node <id>', 'node of the configuration')
    .requiredOption('--config <file>', 'configuration of its edge service')
    .requiredOption('--host-key <file>', 'private host key of the SSH door, OpenSSH')
    .requiredOption('--authorized-key <file>', 'public key of the monitor')
    .option('--port <port>', 'port of the SSH door on loopback; 0 takes any free one', wholeNumber(0, 65_535), 0)
    .option('--restarts-per-hour <n>', "the board's own budget", wholeNumber(1, 10_000))
    .option('--state <dir>', STATE_HELP)
    .addHelpText(
      'after',
      `
Examples:
  vedette sim board --node cam1 --config node.yaml --host-key host.key --authorized-key monitor.pub --port 2222`,
    )
    .action(async (options: import('./sim/sim-board.js').SimBoardOptions) => {
      const { runSimBoard } = await import('./sim/sim-board.js');
      await runSimBoard(options, context);
    });
}

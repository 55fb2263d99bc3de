import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { httpUrl, numberBetween, sha256Digits } from './option-values.js';

/** `vedette model`: the detectors a node can use. */
export function registerModel(program: Command, context: CommandContext): void {
  const model = program.command('model').description('detectors: list, pull, check and run them');
  registerList(model, context);
  registerPull(model, context);
  registerCheck(model, context);
  registerRun(model, context);
}

const DIR_HELP = 'folder of models (default: models in the state folder)';

function registerList(model: Command, context: CommandContext): void {
  model
    .command('list')
    .description('known models that can be pulled, and those that are here')
    .option('--dir <dir>', DIR_HELP)
    .option('--json', 'one JSON object: {known: [...], builtIn, installed: [...]}')
    .addHelpText('after', '\nExamples:\n  vedette model list\n  vedette model list --json | jq -r ".known[].name"')
    .action(async (options: { readonly dir?: string; readonly json?: boolean }) => {
      const { runModelList } = await import('./model/model-list.js');
      await runModelList(options, context);
    });
}

function registerPull(model: Command, context: CommandContext): void {
  model
    .command('pull')
    .description('download a model from upstream, check its sha256, write its manifest')
    .argument('[name]', 'a known model; see vedette model list')
    .option('--url <url>', 'another address of it, or with --sha256 any ONNX file', httpUrl)
    .option('--sha256 <digits>', 'the sum the file must have; needed where no name is given', sha256Digits)
    .option('--dir <dir>', DIR_HELP)
    .option('--json', 'one JSON object: {path, bytes, sha256, alreadyThere, manifest, warnings}')
    .addHelpText(
      'after',
      `
A download that broke off is resumed by calling again. The file gets its name only when its sum is right.

Examples:
  vedette model pull yolox-nano-416
  vedette model pull --url https://example.org/my.onnx --sha256 695e...ab14 --dir /var/lib/vedette/models`,
    )
    .action(async (name: string | undefined, options: import('./model/model-pull.js').PullOptions) => {
      const { runModelPull } = await import('./model/model-pull.js');
      await runModelPull(name, options, context);
    });
}

function registerCheck(model: Command, context: CommandContext): void {
  model
    .command('check')
    .description('tell what an ONNX file is and what it would be taken for; writes nothing unless asked')
    .argument('<model>', 'an .onnx file, the name of a pulled model, or built-in')
    .option('--write', 'write the guessed manifest beside the file')
    .option('--force', 'replace a manifest that is there')
    .option('--dir <dir>', DIR_HELP)
    .option('--json', 'one JSON object: {ok, problem, path, bytes, sha256, description, manifest, guess, ...}')
    .addHelpText(
      'after',
      `
Exit codes: 0 usable, 78 not usable as it is.

Examples:
  vedette model check my.onnx
  vedette model check my.onnx --write
  vedette model check my.onnx --json | jq .guess.confidence`,
    )
    .action(async (file: string, options: import('./model/model-check.js').CheckOptions) => {
      const { runModelCheck } = await import('./model/model-check.js');
      await runModelCheck(file, options, context);
    });
}

function registerRun(model: Command, context: CommandContext): void {
  model
    .command('run')
    .description('look at pictures with a model: print the boxes and draw them')
    .argument('<model>', 'an .onnx file, the name of a pulled model, or built-in')
    .argument('<picture...>', 'JPEG, PNG or WebP files')
    .option('--score <min>', 'lowest score shown, 0 to 1 (default: that of the manifest)', numberBetween(0, 1))
    .option('--out <dir>', 'folder for NAME.boxes.jpg or .png (default: beside each picture)')
    .option('--no-draw', 'write no pictures')
    .option('--dir <dir>', DIR_HELP)
    .option('--json', 'one JSON object per picture: {picture, widthPx, heightPx, inferenceMs, detections, drawn?}')
    .addHelpText(
      'after',
      `
Boxes are x1, y1, x2, y2 in pixels of the picture.

Examples:
  vedette model run yolox-nano-416 street.jpg
  vedette model run my.onnx *.jpg --out /tmp/boxes --score 0.5
  vedette model run my.onnx street.jpg --json --no-draw | jq '.detections | length'`,
    )
    .action(async (file: string, pictures: string[], options: import('./model/model-run.js').RunOptions) => {
      const { runModelRun } = await import('./model/model-run.js');
      await runModelRun(file, pictures, options, context);
    });
}

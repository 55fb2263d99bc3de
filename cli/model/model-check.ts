import { writeFileAtomic } from '../../base/atomic-file.js';
import { EXIT_CODE_BY_ERROR_CODE, messageOf, OperationError } from '../../base/errors.js';
import { printable } from '../../base/terminal/terminal.js';
import { type ModelManifest, manifestPathOf } from '../../edge/vision/model/manifest.js';
import { CONFIDENCE_SURE } from '../../edge/vision/model/model-guess.js';
import { checkModel, type ModelReport } from '../../edge/vision/model/model-report.js';
import type { ValueShape } from '../../edge/vision/model/onnx-file.js';
import type { CommandContext } from '../command-context.js';
import { modelPath } from './model-folder.js';

export type CheckOptions = {
  readonly write?: boolean;
  readonly force?: boolean;
  readonly dir?: string;
  readonly json?: boolean;
};

/**
 * Tells what a model file is. Exit code 78 if it cannot be used here as it is.
 * @throws OperationError as `checkModel`; `manifest-invalid` if there is nothing to write or a manifest is in the way.
 */
export async function runModelCheck(file: string, options: CheckOptions, context: CommandContext): Promise<void> {
  const report = await checkModel(await modelPath(file, options.dir, context.env));
  const problem = problemOf(report);
  if (options.json === true)
    context.out.writeJson({ ok: problem === undefined, problem: problem ?? null, ...forPrograms(report) });
  else printReport(report, problem, context);
  if (options.write === true) await writeManifest(report, options.force === true, context);
  else if (problem !== undefined) context.setExitCode(EXIT_CODE_BY_ERROR_CODE['model-invalid']);
}

function problemOf({ refusal, manifest, sumMatches, guess }: ModelReport): string | undefined {
  if (refusal !== undefined) return refusal;
  if (sumMatches === false) return 'the manifest beside it is that of another file';
  if (manifest === undefined && guess.manifest === undefined)
    return 'it has no manifest, and what it is could not be told';
  if (manifest === undefined && guess.confidence < CONFIDENCE_SURE) {
    return 'what it is, is only guessed: --write makes a manifest to look over';
  }
  return undefined;
}

function printReport(report: ModelReport, problem: string | undefined, { out }: CommandContext): void {
  const { description, guess } = report;
  const line = (name: string, text: string) => out.writeLine(`${name.padEnd(10)} ${printable(text)}`);
  line('file', `${report.path}, ${report.bytes} bytes`);
  line('sha256', report.sha256);
  const opsets = description.opsets.map(({ domain, version }) => `${domain === '' ? 'opset' : domain} ${version}`);
  line(
    'format',
    `ONNX IR ${description.irVersion}, ${opsets.join(', ')}, made by ${description.producer || 'unknown'}`,
  );
  for (const input of description.inputs) line('input', describeShape(input));
  for (const output of description.outputs) line('output', describeShape(output));
  line(
    'weights',
    `${description.weightCount}${description.weightInputs.length > 0 ? ' (also listed as inputs: an old export)' : ''}`,
  );
  line('operators', describeOperators(description.operators));
  line('manifest', report.manifest === undefined ? 'none beside it' : describeManifest(report.manifest));
  // A manifest that is of this file says what it is.
  const isTold = report.manifest !== undefined && report.sumMatches !== false;
  if (guess.manifest !== undefined && !isTold) {
    const sure = guess.known ? 'a known file' : `${Math.round(guess.confidence * 100)} % sure`;
    line('taken for', `${describeManifest(guess.manifest)}: ${sure}`);
  }
  if (!isTold) for (const reason of guess.reasons) line('', `- ${reason}`);
  out.writeLine(
    problem === undefined ? out.paint('green', 'usable') : `${out.paint('red', 'not usable:')} ${printable(problem)}`,
  );
}

function describeShape({ name, dtype, dims }: ValueShape): string {
  return `${name} ${dtype} [${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

/** Operators named in the report; the rest is counted. */
const OPERATORS_SHOWN = 12;

function describeOperators(operators: ReadonlyMap<string, number>): string {
  const sorted = [...operators].sort((a, b) => b[1] - a[1]);
  const shown = sorted.slice(0, OPERATORS_SHOWN).map(([name, count]) => `${name} ${count}`);
  const more = sorted.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more kinds` : ''}`;
}

function describeManifest({ id, family, input, labels, thresholds }: ModelManifest): string {
  const { widthPx, heightPx, layout, dtype, colour, resize } = input;
  const labelText = labels.length === 1 ? `label ${labels[0]}` : `${labels.length} labels`;
  return `${id}, ${family}, ${widthPx}x${heightPx} ${layout} ${dtype} ${colour} ${resize}, ${labelText}, score >= ${thresholds.score}`;
}

async function writeManifest(report: ModelReport, force: boolean, context: CommandContext): Promise<void> {
  const path = manifestPathOf(report.path);
  const fail = (message: string, hint: string) =>
    new OperationError({ code: 'manifest-invalid', op: 'write', subject: `manifest ${path}`, message, hint });
  const { manifest } = report.guess;
  if (manifest === undefined)
    throw fail('what this model is could not be told', 'write one by hand; docs tell its fields');
  if (report.manifest !== undefined && !force) throw fail('there is one already', '--force replaces it');
  try {
    await writeFileAtomic(path, `${JSON.stringify(manifest, null, 2)}\n`, 0o644);
  } catch (cause) {
    throw new OperationError({
      code: 'state-unwritable',
      op: 'write',
      subject: `manifest ${path}`,
      message: messageOf(cause),
      cause,
    });
  }
  const note = report.guess.known ? '' : ': look it over, above all colour, scale and labels';
  context.err.writeLine(`wrote ${path}${note}`);
}

function forPrograms({ description, ...report }: ModelReport) {
  return {
    ...report,
    manifest: report.manifest ?? null,
    refusal: report.refusal ?? null,
    description: {
      ...description,
      operators: Object.fromEntries(description.operators),
      metadata: Object.fromEntries(description.metadata),
    },
  };
}

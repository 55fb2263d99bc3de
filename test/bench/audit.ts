import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Random } from '../../base/random.js';
import { type Column, renderTable } from '../../base/terminal/table.js';
import { Terminal } from '../../base/terminal/terminal.js';
import type { RgbPicture } from '../../edge/capture/frame.js';
import type { Answer } from '../../edge/sharing/audits/answer-match.js';
import type { BoxXyxyPx } from '../../edge/vision/box.js';
import type { OnnxDetector } from '../../edge/vision/detect/onnx-detector.js';
import type { Detection } from '../../edge/vision/detection.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { numberOption, scriptOptions } from '../script-options.js';
import { DECODERS, decodeWith, type JpegDecoder, OTHER_RUNTIMES, openBoard, REFERENCE } from './audit-boards.js';
import { type FaultyBoard, openFaultyBoards } from './audit-faults.js';
import { disputesAmong, freshPictures, viewsOf } from './audit-fresh.js';
import { type BenchPicture, readPictures } from './audit-pictures.js';
import { AnswerTally, RULE_SETS, type Tally } from './audit-tally.js';
import { type BenchResult, buildReport } from './bench-report.js';

const OWN_MODEL = resolve('edge/models/vedette-sim.onnx');

const WORDS = {
  call: 'npm run bench:audit',
  about: `How often two honest boards answer differently to the same JPEG, and how often a wrong one does: every pair of JPEG
decoders on every Nth picture, other thread counts and graph optimisations on fewer. With --fresh: on pictures that no rule
was tuned on, whole and in parts that have --part-min of its width and height or more, until N pairs were compared that see
something, and each decoder as worker with every two others as auditors. Needs the fixtures and ffmpeg.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  every: { type: 'string', default: '1' },
  'runtimes-every': { type: 'string', default: '8' },
  model: { type: 'string', default: '' },
  fresh: { type: 'string', default: '0' },
  seed: { type: 'string', default: '1' },
  'part-min': { type: 'string', default: '0.7' },
});

type Bench = {
  readonly name: string;
  readonly scoreMin: number;
  readonly reference: OnnxDetector;
  readonly runtimes: readonly { readonly name: string; readonly detector: OnnxDetector }[];
  readonly faulty: readonly FaultyBoard[];
};

const fixtures = resolve(process.env.VEDETTE_FIXTURES ?? '../shared/fixtures');
const freshMax = numberOption('--fresh', args.fresh, 0);
const partMin = numberOption('--part-min', args['part-min'], 0.05, 1);
const pictures = freshMax > 0 ? [] : readPictures(fixtures, numberOption('--every', args.every, 1));
const runtimesEvery = numberOption('--runtimes-every', args['runtimes-every'], 1);
const honest = new AnswerTally();
const faults = new AnswerTally();
const benches = await openBenches();
for (const [i, picture] of pictures.entries()) {
  await compareDecoders(picture, i % runtimesEvery === 0);
  if (process.stderr.isTTY) process.stderr.write(`\r${i + 1} of ${pictures.length} pictures`);
}
const fresh = { pictures: 0, compared: 0, seen: 0, judged: 0, disputed: 0 };
if (freshMax > 0) await compareFresh();
const settings = {
  pictures: pictures.length,
  ...(freshMax > 0 ? fresh : {}),
  models: benches.length,
  every: numberOption('--every', args.every, 1),
  runtimesEvery,
};
const results = [...honest.rows, honest.sum, ...faults.rows].map(resultOf);
const report = buildReport('audit', settings, ['onnxruntime-node', 'sharp', 'jpeg-js'], results);
if (args.json) {
  const sums = { rules: RULE_SETS, honest: [...honest.rows, honest.sum], faults: [...faults.rows, faults.sum] };
  console.log(JSON.stringify({ ...report, ...sums, examples: honest.examples }));
} else {
  const terminal = new Terminal(process.stdout, process.env);
  const { commit, versions } = report;
  terminal.writeLine(`audit at ${commit}, ${JSON.stringify(settings)}, ${JSON.stringify(versions)}`);
  terminal.writeLine(renderTable(terminal, columnsOf('honest boards that differ'), [...honest.rows, honest.sum]));
  terminal.writeLine(renderTable(terminal, columnsOf('wrong boards that are seen'), faults.rows));
  for (const { name, picture, why } of honest.examples) terminal.writeLine(`${why}: ${name}, ${picture}`);
}
// Sessions of the runtime are let go with the process.
process.exit(0);

async function openBenches(): Promise<Bench[]> {
  const names = readdirSync(join(fixtures, 'models')).filter((name) => name.endsWith('.onnx'));
  const opened: Bench[] = [];
  const paths = [...names.map((name) => join(fixtures, 'models', name)), ...(freshMax > 0 ? [OWN_MODEL] : [])];
  for (const path of paths.filter((one) => basename(one).includes(args.model))) {
    const name = basename(path);
    const model = await resolveModel(path);
    const runtimes = [];
    for (const kind of freshMax > 0 ? [] : OTHER_RUNTIMES)
      runtimes.push({ name: kind.name, detector: await openBoard(model, kind) });
    opened.push({
      ...{ name, scoreMin: model.manifest.thresholds.score, runtimes },
      reference: await openBoard(model, REFERENCE),
      faulty: freshMax > 0 ? [] : await openFaultyBoards(model),
    });
  }
  return opened;
}

async function compareFresh(): Promise<void> {
  const random = new Random(`views ${args.seed}`);
  for await (const picture of freshPictures(fixtures, args.seed)) {
    fresh.pictures++;
    await compareDecoders(picture, false, random);
    if (process.stderr.isTTY) process.stderr.write(`\r${fresh.seen} of ${freshMax} comparisons`);
    if (fresh.seen >= freshMax) return;
  }
}

/** @param parts with it, parts of the picture are looked at too: as others see other things, and decoding costs the most. */
async function compareDecoders({ name, jpeg }: BenchPicture, withRuntimes: boolean, parts?: Random): Promise<void> {
  const decoded = new Map<JpegDecoder, RgbPicture>();
  for (const decoder of DECODERS) decoded.set(decoder, await decodeWith(decoder, jpeg));
  const [size] = decoded.values();
  const views = size === undefined || parts === undefined ? [undefined] : viewsOf(size, partMin, parts);
  for (const region of views) {
    const picture = region === undefined ? name : `${name} at ${region.join(',')}`;
    await compareView({ picture, decoded, region, withRuntimes });
  }
}

type View = {
  readonly picture: string;
  readonly decoded: ReadonlyMap<JpegDecoder, RgbPicture>;
  readonly region: BoxXyxyPx | undefined;
  readonly withRuntimes: boolean;
};

async function compareView({ picture, decoded, region, withRuntimes }: View): Promise<void> {
  for (const bench of benches) {
    const answers: { readonly name: JpegDecoder; readonly answer: Answer }[] = [];
    for (const [name, rgb] of decoded) answers.push({ name, answer: await look(bench.reference, rgb, { region }) });
    answers.forEach((one, i) => {
      for (const other of answers.slice(i + 1)) {
        const about = { name: `${one.name} and ${other.name}`, picture: `${bench.name} ${picture}` };
        honest.add({ ...about, one: one.answer, other: other.answer, scoreMin: bench.scoreMin });
      }
    });
    if (freshMax > 0)
      noteFresh(
        answers.map(({ answer }) => answer),
        bench.scoreMin,
      );
    const [first] = answers;
    const rgb = decoded.get('libjpeg-turbo');
    if (withRuntimes && first !== undefined && rgb !== undefined)
      await compareBoards(bench, picture, first.answer, rgb);
  }
}

// Where nobody sees anything, agreement says little.
function noteFresh(answers: readonly Answer[], scoreMin: number): void {
  const pairs = (answers.length * (answers.length - 1)) / 2;
  fresh.compared += pairs;
  if (answers.every((answer) => answer.length === 0)) return;
  fresh.seen += pairs;
  const { judged, disputed } = disputesAmong(answers, scoreMin);
  fresh.judged += judged;
  fresh.disputed += disputed;
}

async function compareBoards(bench: Bench, picture: string, one: Answer, rgb: RgbPicture): Promise<void> {
  const { scoreMin } = bench;
  const about = `${bench.name} ${picture}`;
  for (const { name, detector } of bench.runtimes) {
    honest.add({ name, picture: about, one, other: await look(detector, rgb), scoreMin });
  }
  // Where nobody sees anything a wrong board cannot be told from a right one, and no record is made either.
  if (one.length === 0) return;
  for (const { name, detector, spoil, labelOf } of bench.faulty) {
    const other = await look(detector, spoil(rgb), { labelOf });
    faults.add({ name, picture: about, one, other, scoreMin });
  }
}

type LookOptions = { readonly region?: BoxXyxyPx | undefined; readonly labelOf?: (label: string) => string };

async function look(detector: OnnxDetector, rgb: RgbPicture, options: LookOptions = {}): Promise<Answer> {
  const { region, labelOf = (label: string) => label } = options;
  const found = await detector.detect(rgb, region === undefined ? {} : { region }).catch((): Detection[] => []);
  return found.map(({ label, score, box }) => ({ l: labelOf(label), p: score, b: box }));
}

// Under the rules of the product, the last of the sets.
function resultOf({ name, compared, different }: Tally): BenchResult {
  const share = ((different.at(-1) ?? 0) * 100) / compared;
  return { name, unit: '% different', median: share, min: share, max: share, runs: compared };
}

function columnsOf(title: string): Column<Tally>[] {
  const sets = RULE_SETS.map(({ iouMin, scoreDiffMax, nearThreshold, sureFrom }, i) => ({
    title: `IoU ${iouMin} score ${scoreDiffMax} near ${nearThreshold} sure ${sureFrom}`,
    cell: ({ compared, different }: Tally) => {
      const count = different[i] ?? 0;
      return `${count} (${((count * 100) / compared).toFixed(2)} %)`;
    },
    align: 'right' as const,
  }));
  const compared = { title: 'compared', cell: (row: Tally) => String(row.compared), align: 'right' as const };
  return [{ title, cell: ({ name }) => name }, compared, ...sets];
}

import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Random } from '../../base/random.js';
import { type Column, renderTable } from '../../base/terminal/table.js';
import { Terminal } from '../../base/terminal/terminal.js';
import type { RgbPicture } from '../../edge/capture/frame.js';
import { type Answer, differenceOf } from '../../edge/sharing/audits/answer-match.js';
import { isWithinReach } from '../../edge/sharing/audits/second-look.js';
import type { BoxXyxyPx } from '../../edge/vision/box.js';
import type { OnnxDetector } from '../../edge/vision/detect/onnx-detector.js';
import type { Detection } from '../../edge/vision/detection.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { numberOption, scriptOptions } from '../script-options.js';
import { DECODERS, decodeWith, type JpegDecoder, OTHER_RUNTIMES, openBoard, REFERENCE } from './audit-boards.js';
import { PictureCopies } from './audit-copies.js';
import { type FaultyBoard, openFaultyBoards } from './audit-faults.js';
import { disputesAmong, freshPictures, viewsOf } from './audit-fresh.js';
import { type BenchPicture, readPictures } from './audit-pictures.js';
import { AnswerTally, RULE_SETS, type Stand, type Tally } from './audit-tally.js';
import { type BenchResult, buildReport } from './bench-report.js';

const OWN_MODEL = resolve('edge/models/vedette-sim.onnx');

const WORDS = {
  call: 'npm run bench:audit',
  about: `How often two honest boards answer differently to the same JPEG, and how often a wrong one does: every pair of JPEG
decoders on every Nth picture, other thread counts and graph optimisations on fewer. With --fresh: on pictures that no rule
was tuned on, whole and in parts that have --part-min of its width and height or more, until N pairs were compared that see
something, and each decoder as worker with every two others as auditors, before and after those look again; the first --skip
pictures are left out. With --faults boards that are wrong look at whole fresh pictures, too. Needs the fixtures and ffmpeg.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  every: { type: 'string', default: '1' },
  'runtimes-every': { type: 'string', default: '8' },
  model: { type: 'string', default: '' },
  fresh: { type: 'string', default: '0' },
  seed: { type: 'string', default: '1' },
  'part-min': { type: 'string', default: '0.7' },
  skip: { type: 'string', default: '0' },
  faults: { type: 'boolean', default: false },
});

type Bench = {
  readonly name: string;
  readonly scoreMin: number;
  readonly reference: OnnxDetector;
  readonly runtimes: readonly { readonly name: string; readonly detector: OnnxDetector }[];
  readonly faulty: readonly FaultyBoard[];
};

const STAND_COLUMNS: readonly Column<Stand>[] = [
  { title: 'wrong boards', cell: ({ name }) => name },
  { title: 'compared', cell: ({ compared }) => String(compared), align: 'right' },
  { title: 'differ', cell: ({ different }) => String(different), align: 'right' },
  { title: 'disputed after looking again', cell: ({ stood }) => String(stood), align: 'right' },
];

const fixtures = resolve(process.env.VEDETTE_FIXTURES ?? '../shared/fixtures');
const freshMax = numberOption('--fresh', args.fresh, 0);
const partMin = numberOption('--part-min', args['part-min'], 0.05, 1);
const pictures = freshMax > 0 ? [] : readPictures(fixtures, numberOption('--every', args.every, 1));
const skip = numberOption('--skip', args.skip, 0);
const runtimesEvery = numberOption('--runtimes-every', args['runtimes-every'], 1);
const honest = new AnswerTally();
const faults = new AnswerTally();
const stands = new Map<string, Stand>();
const benches = await openBenches();
for (const [i, picture] of pictures.entries()) {
  await compareDecoders(picture, i % runtimesEvery === 0);
  if (process.stderr.isTTY) process.stderr.write(`\r${i + 1} of ${pictures.length} pictures`);
}
const fresh = { pictures: 0, compared: 0, seen: 0, judged: 0, disputed: 0, disputedAfterAll: 0 };
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
  const sums = {
    rules: RULE_SETS,
    honest: [...honest.rows, honest.sum],
    faults: [...faults.rows, faults.sum],
    stands: [...stands.values()],
  };
  console.log(JSON.stringify({ ...report, ...sums, examples: honest.examples }));
} else {
  const terminal = new Terminal(process.stdout, process.env);
  const { commit, versions } = report;
  terminal.writeLine(`audit at ${commit}, ${JSON.stringify(settings)}, ${JSON.stringify(versions)}`);
  terminal.writeLine(renderTable(terminal, columnsOf('honest boards that differ'), [...honest.rows, honest.sum]));
  terminal.writeLine(renderTable(terminal, columnsOf('wrong boards that are seen'), faults.rows));
  terminal.writeLine(renderTable(terminal, STAND_COLUMNS, [...stands.values()]));
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
      faulty: freshMax > 0 && !args.faults ? [] : await openFaultyBoards(model),
    });
  }
  return opened;
}

async function compareFresh(): Promise<void> {
  const random = new Random(`views ${args.seed}`);
  let skipped = 0;
  for await (const picture of freshPictures(fixtures, args.seed)) {
    if (skipped < skip) {
      // Parts are drawn in one row over all pictures.
      viewsOf(await decodeWith('libjpeg-turbo', picture.jpeg), partMin, random);
      skipped++;
      continue;
    }
    fresh.pictures++;
    await compareDecoders(picture, args.faults, random);
    if (process.stderr.isTTY) process.stderr.write(`\r${fresh.seen} of ${freshMax} comparisons`);
    if (fresh.seen >= freshMax) return;
  }
}

/** @param parts with it, parts of the picture are looked at too: as others see other things, and decoding costs the most. */
async function compareDecoders({ name, jpeg }: BenchPicture, withRuntimes: boolean, parts?: Random): Promise<void> {
  const decoded = new Map<JpegDecoder, RgbPicture>();
  for (const decoder of DECODERS) decoded.set(decoder, await decodeWith(decoder, jpeg));
  const [size] = decoded.values();
  const copies = new PictureCopies(decoded);
  const views = size === undefined || parts === undefined ? [undefined] : viewsOf(size, partMin, parts);
  for (const region of views) {
    const picture = region === undefined ? name : `${name} at ${region.join(',')}`;
    await compareView({ picture, decoded, copies, region, withRuntimes: withRuntimes && region === undefined });
  }
}

type Decoded = { readonly name: JpegDecoder; readonly answer: Answer };

type View = {
  readonly picture: string;
  readonly decoded: ReadonlyMap<JpegDecoder, RgbPicture>;
  readonly copies: PictureCopies;
  readonly region: BoxXyxyPx | undefined;
  readonly withRuntimes: boolean;
};

async function compareView(view: View): Promise<void> {
  const { picture, decoded, region, withRuntimes } = view;
  for (const bench of benches) {
    const answers: Decoded[] = [];
    for (const [name, rgb] of decoded) answers.push({ name, answer: await look(bench.reference, rgb, { region }) });
    answers.forEach((one, i) => {
      for (const other of answers.slice(i + 1)) {
        const about = { name: `${one.name} and ${other.name}`, picture: `${bench.name} ${picture}` };
        honest.add({ ...about, one: one.answer, other: other.answer, scoreMin: bench.scoreMin });
      }
    });
    if (freshMax > 0) await noteFresh(bench, answers, view);
    const [first] = answers;
    const rgb = decoded.get('libjpeg-turbo');
    if (withRuntimes && first !== undefined && rgb !== undefined) await compareBoards(bench, view, first.answer, rgb);
  }
}

// Where nobody sees anything, agreement says little.
async function noteFresh(bench: Bench, decoded: readonly Decoded[], view: View): Promise<void> {
  const answers = decoded.map(({ answer }) => answer);
  const pairs = (answers.length * (answers.length - 1)) / 2;
  fresh.compared += pairs;
  if (answers.every((answer) => answer.length === 0)) return;
  fresh.seen += pairs;
  const { judged, disputes } = disputesAmong(answers, bench.scoreMin);
  fresh.judged += judged;
  fresh.disputed += disputes.length;
  for (const { worker, first, second } of disputes) {
    const saw = decoded[worker]?.answer ?? [];
    const isStanding =
      (await standsBy(bench, saw, decoded[first], view)) && (await standsBy(bench, saw, decoded[second], view));
    if (isStanding) fresh.disputedAfterAll++;
  }
}

/** Whether an auditor disputes what a worker saw also when it has looked at copies of the picture. */
async function standsBy(bench: Bench, worker: Answer, mine: Decoded | undefined, view: View): Promise<boolean> {
  if (mine === undefined) return false;
  const again: Answer[] = [];
  for (const copy of view.copies.of(mine.name)) {
    again.push(await look(bench.reference, copy, { region: view.region }));
    if (isWithinReach(worker, mine.answer, again, bench.scoreMin)) return false;
  }
  return true;
}

async function compareBoards(bench: Bench, view: View, one: Answer, rgb: RgbPicture): Promise<void> {
  const { scoreMin } = bench;
  const about = `${bench.name} ${view.picture}`;
  for (const { name, detector } of bench.runtimes) {
    honest.add({ name, picture: about, one, other: await look(detector, rgb), scoreMin });
  }
  // Where nobody sees anything a wrong board cannot be told from a right one, and no record is made either.
  if (one.length === 0) return;
  for (const { name, detector, spoil, labelOf } of bench.faulty) {
    const other = await look(detector, spoil(rgb), { labelOf });
    faults.add({ name, picture: about, one, other, scoreMin });
    const stand = stands.get(name) ?? { name, compared: 0, different: 0, stood: 0 };
    stands.set(name, stand);
    stand.compared++;
    if (differenceOf(one, other, scoreMin) === undefined) continue;
    stand.different++;
    if (await standsBy(bench, other, { name: 'libjpeg-turbo', answer: one }, view)) stand.stood++;
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

import type { QueryFilter } from '../../protocol/query.js';
import { type RecordFields, readFields } from './record-fields.js';

/** Texts as small numbers. Kinds, cameras, labels, events, rules and sets of zones are few, however many records there are. */
export class WordTable {
  readonly #codes = new Map<string, number>();
  readonly #words: string[] = [];

  /** The code of a text, given out on first sight; undefined when the table is full. */
  codeFor(word: string): number | undefined {
    const known = this.#codes.get(word);
    if (known !== undefined) return known;
    if (this.#words.length >= WORDS_MAX) return undefined;
    const code = this.#words.push(word);
    this.#codes.set(word, code);
    return code;
  }

  /** The code of a text that was seen; undefined for any other. */
  find(word: string): number | undefined {
    return this.#codes.get(word);
  }

  get size(): number {
    return this.#words.length;
  }

  *entries(): IterableIterator<[string, number]> {
    yield* this.#codes;
  }
}

/** Codes are 16 bits, and 0 says that there is no text. */
const WORDS_MAX = 65_535;
/** Parts the zones of a set: no zone id has one. */
const ZONE_PARTER = ' ';
const NO_SCORE = -1;

/** What queries ask about, of one run of record lines, as columns: 22 bytes a record instead of a parsed object. */
export type RecordColumns = {
  readonly count: number;
  /** Wall clock ms; NaN for a line that is no record. */
  readonly t: Float64Array;
  readonly kind: Uint16Array;
  readonly camera: Uint16Array;
  readonly label: Uint16Array;
  readonly event: Uint16Array;
  readonly rule: Uint16Array;
  readonly zones: Uint16Array;
  readonly score: Float32Array;
  /** What records of sources tell, NaN for all others; absent in a run without such records: 8 bytes a record more. */
  readonly sighting?: Float64Array;
};

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Columns of record lines; undefined if the table has no room for their words. */
export function buildColumns(lines: readonly string[], words: WordTable): RecordColumns | undefined {
  const count = lines.length;
  const codes = () => new Uint16Array(count);
  const columns: Writable<RecordColumns> = {
    count,
    t: new Float64Array(count),
    kind: codes(),
    camera: codes(),
    label: codes(),
    event: codes(),
    rule: codes(),
    zones: codes(),
    score: new Float32Array(count),
  };
  for (const [i, line] of lines.entries()) {
    const fields = readFields(line);
    if (fields === undefined) columns.t[i] = Number.NaN;
    else if (!writeRow(columns, i, fields, words)) return undefined;
  }
  return columns;
}

function writeRow(columns: Writable<RecordColumns>, i: number, fields: RecordFields, words: WordTable): boolean {
  const zones = fields.zones.length === 0 ? null : fields.zones.join(ZONE_PARTER);
  const kind = words.codeFor(fields.kind);
  const camera = codeOf(words, fields.camera);
  const label = codeOf(words, fields.label);
  const event = codeOf(words, fields.event);
  const rule = codeOf(words, fields.rule);
  const zoneSet = codeOf(words, zones);
  if ([kind, camera, label, event, rule, zoneSet].includes(undefined)) return false;
  columns.t[i] = fields.t;
  columns.kind[i] = kind ?? 0;
  columns.camera[i] = camera ?? 0;
  columns.label[i] = label ?? 0;
  columns.event[i] = event ?? 0;
  columns.rule[i] = rule ?? 0;
  columns.zones[i] = zoneSet ?? 0;
  columns.score[i] = fields.score ?? NO_SCORE;
  if (fields.sighting !== null) {
    columns.sighting ??= new Float64Array(columns.count).fill(Number.NaN);
    columns.sighting[i] = fields.sighting;
  }
  return true;
}

function codeOf(words: WordTable, text: string | null): number | undefined {
  return text === null ? 0 : words.codeFor(text);
}

/** A test of one row of columns that were built with the same table. */
export type RowTest = (columns: RecordColumns, i: number) => boolean;

/** The conditions of a filter, apart from the node, as a test; undefined if no row built so far can meet them. */
export function compileFilter(filter: QueryFilter, words: WordTable): RowTest | undefined {
  const tests: RowTest[] = [];
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, scoreMin, zone } = filter;
  // A line that is no record has no time, and NaN meets nothing.
  tests.push(({ t }, i) => within(t[i], fromMs, toMs));
  for (const name of ['kind', 'camera', 'label', 'event', 'rule'] as const) {
    const wanted = filter[name];
    if (wanted === undefined) continue;
    const code = words.find(wanted);
    if (code === undefined) return undefined;
    tests.push((columns, i) => columns[name][i] === code);
  }
  if (zone !== undefined) {
    const sets = zoneSetsWith(zone, words);
    tests.push(({ zones }, i) => sets.has(zones[i] ?? 0));
  }
  if (scoreMin !== undefined) {
    const least = Math.fround(scoreMin * 1000);
    tests.push(({ score }, i) => (score[i] ?? NO_SCORE) >= least && (score[i] ?? NO_SCORE) !== NO_SCORE);
  }
  return (columns, i) => tests.every((test) => test(columns, i));
}

function within(t: number | undefined, fromMs: number, toMs: number): boolean {
  return t !== undefined && t >= fromMs && t <= toMs;
}

function zoneSetsWith(zone: string, words: WordTable): ReadonlySet<number> {
  const sets = new Set<number>();
  for (const [text, code] of words.entries()) if (text.split(ZONE_PARTER).includes(zone)) sets.add(code);
  return sets;
}

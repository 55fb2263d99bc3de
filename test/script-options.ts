import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf } from '../base/errors.js';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>['values'];

/** What a script says of itself: how it is called, and what for. */
export type ScriptWords = { readonly call: string; readonly about: string };

export type ScriptCall<T extends Options> =
  | { readonly kind: 'values'; readonly values: Values<T> }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'wrong'; readonly line: string };

/** EX_USAGE of sysexits.h, as of the program itself. */
const EXIT_USAGE = 64;

/** Reads the words of a call (without node and script). Pure. */
export function readScriptCall<T extends Options>(args: string[], words: ScriptWords, options: T): ScriptCall<T> {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  if (own.includes('--help') || own.includes('-h')) return { kind: 'help', text: usage(words, options) };
  try {
    return { kind: 'values', values: parseArgs({ args, options }).values };
  } catch (error) {
    // Its first sentence says what is wrong; the others explain how a value may begin with a dash.
    const [reason = ''] = messageOf(error).split(/\n|\. /, 1);
    return { kind: 'wrong', line: `${reason}; allowed: ${names(options).join(', ')}` };
  }
}

/** The options of this script. Tells its usage and ends where that is asked for, or where the call is wrong. */
export function scriptOptions<T extends Options>(words: ScriptWords, options: T): Values<T> {
  const call = readScriptCall(process.argv.slice(2), words, options);
  if (call.kind === 'values') return call.values;
  if (call.kind === 'wrong') wrongCall(call.line);
  process.stdout.write(call.text);
  process.exit(0);
}

/** Ends the script: one line says what is wrong with its call. */
export function wrongCall(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(EXIT_USAGE);
}

/** The value of an option as a number from `min` to `max`; ends the script where it is none. */
export function numberOption(option: string, text: string, min: number, max = Number.POSITIVE_INFINITY): number {
  const value = readNumber(text, min, max);
  if (value !== undefined) return value;
  wrongCall(`${option}: "${text}" is not a number from ${min}${max === Number.POSITIVE_INFINITY ? '' : ` to ${max}`}`);
}

/** The same of a list with commas between. */
export function numbersOption(option: string, text: string, min: number): number[] {
  return text.split(',').map((part) => numberOption(option, part, min));
}

/** Parts of a list with commas between; ends the script where one is not known. */
export function partsOption(option: string, text: string, known: readonly string[]): string[] {
  const parts = text.split(',');
  const unknown = parts.find((part) => !known.includes(part));
  if (unknown !== undefined) wrongCall(`${option}: no part "${unknown}"; there are: ${known.join(', ')}`);
  return parts;
}

/** Undefined where a text is no number within these bounds. */
export function readNumber(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  return text.trim() !== '' && value >= min && value <= max && Number.isFinite(value) ? value : undefined;
}

function usage({ call, about }: ScriptWords, options: Options): string {
  const rows = Object.entries(options).map(([name, { type, default: value }]) => {
    const word = `--${name}${type === 'string' ? ' <value>' : ''}`;
    return type === 'string' && value !== undefined && value !== ''
      ? `  ${word.padEnd(26)}default: ${value}`
      : `  ${word}`;
  });
  const lines = [`Usage: ${call} -- [options]`, '', about, '', 'Options:', ...rows, `  -h, --help`];
  return `${lines.join('\n')}\n`;
}

function names(options: Options): string[] {
  return [...Object.keys(options), 'help'].map((name) => `--${name}`);
}

import type { WriteStream } from 'node:tty';

/** Where a command writes for a person or another program. */
export type TerminalStream = Pick<NodeJS.WritableStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

/** One output stream: knows whether a person is looking and how wide the window is. */
export class Terminal {
  readonly #stream: TerminalStream;
  /** True if a person sees it as it comes; only then are there colours and moving parts. */
  readonly isTty: boolean;
  readonly hasColour: boolean;

  /** @param env `NO_COLOR` (no-color.org) and `TERM=dumb` turn colours off. */
  constructor(stream: TerminalStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    const isDumb = env.TERM === 'dumb';
    this.isTty = stream.isTTY === true && !isDumb;
    this.hasColour = this.isTty && (env.NO_COLOR ?? '') === '';
  }

  /** Width of the window, columns; 80 where there is none or it says 0. Asked anew each time: windows change. */
  get columns(): number {
    const { columns } = this.#stream;
    return columns === undefined || columns === 0 ? 80 : columns;
  }

  write(text: string): void {
    this.#stream.write(text);
  }

  writeLine(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  /** One JSON object on one line, for programs. */
  writeJson(value: unknown): void {
    this.#stream.write(`${JSON.stringify(value)}\n`);
  }

  /** The text in a colour, where there are colours. */
  paint(colour: Colour, text: string): string {
    return this.hasColour ? `\u001b[${SGR[colour]}m${text}\u001b[0m` : text;
  }
}

const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof SGR;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text from outside (labels, file names, payloads) made harmless: a terminal obeys control characters. */
export function printable(text: string): string {
  return text.replace(CONTROLS, '\ufffd');
}

import { printable, type Terminal } from './terminal.js';

export type Column<Row> = {
  readonly title: string;
  /** The cell's text; control characters in it are made harmless. */
  readonly cell: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** Colour of one cell. */
  readonly colour?: (row: Row) => Parameters<Terminal['paint']>[0] | undefined;
};

/** Rows as lines of a table, columns parted by two blanks, a line under the titles. No line ends in blanks. */
export function renderTable<Row>(terminal: Terminal, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))));
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[i] ?? ''))),
  );
  const pad = (text: string, i: number) => {
    const blanks = ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(text)));
    return columns[i]?.align === 'right' ? blanks + text : text + blanks;
  };
  const join = (texts: readonly string[]) => texts.join('  ').trimEnd();
  const titles = terminal.paint('bold', join(columns.map(({ title }, i) => pad(title, i))));
  const rule = terminal.paint('dim', join(widths.map((width) => '-'.repeat(width))));
  const lines = rows.map((row, r) =>
    join(
      columns.map((column, i) => {
        const colour = column.colour?.(row);
        const text = pad(cells[r]?.[i] ?? '', i);
        return colour === undefined ? text : terminal.paint(colour, text);
      }),
    ),
  );
  return `${[titles, rule, ...lines].join('\n')}\n`;
}

/** Columns a text takes: wide East Asian characters and emoji take two, joined marks none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of new Intl.Segmenter('en').segment(text)) {
    width += WIDE.test(segment) ? 2 : NO_WIDTH.test(segment) ? 0 : 1;
  }
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NO_WIDTH = /^\p{Mark}+$/u;

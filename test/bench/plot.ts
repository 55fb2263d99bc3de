/** One line of a plot: its points in order of x. Values must be above zero where the axis is logarithmic. */
export type Line = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] };

export type Plot = {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  readonly xLog?: boolean;
  readonly yLog?: boolean;
};

const WIDTH = 640;
const HEIGHT = 360;
const AREA = { left: 72, right: 24, top: 40, bottom: 56 } as const;
/** Told apart by people who see no red or green, too (Okabe and Ito); with a shape each for those who see no colour. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

type Axis = { readonly at: (value: number) => number; readonly ticks: readonly number[] };

/** A line chart as a file of its own: black text on white, so that it reads on any page. */
export function drawPlot(plot: Plot): string {
  const points = plot.lines.flatMap((line) => line.points);
  if (points.length === 0) throw new Error(`nothing to draw in "${plot.title}"`);
  const x = axisOf(
    points.map(([value]) => value),
    plot.xLog === true,
    AREA.left,
    WIDTH - AREA.right,
  );
  const y = axisOf(
    points.map(([, value]) => value),
    plot.yLog === true,
    HEIGHT - AREA.bottom,
    AREA.top,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(plot.title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(WIDTH / 2, 22, plot.title, 'font-size="14" font-weight="bold" text-anchor="middle"'),
    ...x.ticks.map((tick) => grid(x.at(tick), HEIGHT - AREA.bottom, x.at(tick), AREA.top)),
    ...y.ticks.map((tick) => grid(AREA.left, y.at(tick), WIDTH - AREA.right, y.at(tick))),
    ...x.ticks.map((tick) => text(x.at(tick), HEIGHT - AREA.bottom + 18, short(tick), 'text-anchor="middle"')),
    ...y.ticks.map((tick) => text(AREA.left - 8, y.at(tick) + 4, short(tick), 'text-anchor="end"')),
    text(WIDTH / 2, HEIGHT - 16, plot.xLabel, 'text-anchor="middle"'),
    text(-HEIGHT / 2, 18, plot.yLabel, 'transform="rotate(-90)" text-anchor="middle"'),
    ...plot.lines.flatMap((line, i) => drawLine(line, i, x, y)),
    ...plot.lines.map((line, i) => drawName(line, i)),
    '</svg>',
    '',
  ].join('\n');
}

function drawLine({ points }: Line, index: number, x: Axis, y: Axis): string[] {
  const colour = COLOURS[index % COLOURS.length];
  const places = points.map(([px, py]) => [x.at(px), y.at(py)] as const);
  const path = places.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(([px, py]) => mark(index, px, py, colour ?? 'black')),
  ];
}

function drawName({ name }: Line, index: number): string {
  const top = AREA.top + 14 + index * 16;
  const colour = COLOURS[index % COLOURS.length] ?? 'black';
  return mark(index, AREA.left + 14, top - 4, colour) + text(AREA.left + 24, top, name, '');
}

function mark(index: number, x: number, y: number, colour: string): string {
  const [px, py] = [x.toFixed(1), y.toFixed(1)];
  if (index % 3 === 0) return `<circle cx="${px}" cy="${py}" r="4" fill="${colour}"/>`;
  if (index % 3 === 1)
    return `<rect x="${(x - 4).toFixed(1)}" y="${(y - 4).toFixed(1)}" width="8" height="8" fill="${colour}"/>`;
  return `<path d="M${px} ${(y - 5).toFixed(1)} l5 9 h-10 z" fill="${colour}"/>`;
}

function grid(x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="#ddd"/>`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function axisOf(values: readonly number[], isLog: boolean, from: number, to: number): Axis {
  if (isLog) {
    const low = Math.floor(Math.log10(Math.min(...values)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
    const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
    return { at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from), ticks };
  }
  const step = roundStep(Math.max(...values, 1e-9) / 5);
  const high = Math.ceil(Math.max(...values, 1e-9) / step) * step;
  const ticks = Array.from({ length: Math.round(high / step) + 1 }, (_, i) => i * step);
  return { at: (value) => from + (value / high) * (to - from), ticks };
}

function roundStep(least: number): number {
  const unit = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((times) => times * unit >= least) ?? 10) * unit;
}

function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 10_000) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

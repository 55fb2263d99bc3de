import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { drawPlot } from './plot.js';

const lines = [
  {
    name: 'ours & <theirs>',
    points: [
      [1, 10],
      [10, 100],
      [1000, 20_000],
    ] as const,
  },
  {
    name: 'other',
    points: [
      [1, 20],
      [1000, 3],
    ] as const,
  },
];

describe('a plot of a bench', () => {
  it('is a picture that a renderer takes, with lines in their colours', async () => {
    const svg = drawPlot({ title: 't', xLabel: 'boards', yLabel: 'ms', lines, xLog: true, yLog: true });
    const { data, info } = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const colours = new Set<string>();
    for (let i = 0; i < data.length; i += info.channels) colours.add(data.subarray(i, i + 3).toString('hex'));
    expect([...colours]).toEqual(expect.arrayContaining(['0072b2', 'd55e00', 'ffffff']));
    expect(svg).toContain('ours &amp; &lt;theirs&gt;');
  });

  it('puts values where the axes say', () => {
    const svg = drawPlot({
      title: 't',
      xLabel: 'x',
      yLabel: 'y',
      lines: [
        {
          name: 'a',
          points: [
            [0, 0],
            [5, 100],
          ],
        },
      ],
    });
    expect(svg).toContain('points="72.0,304.0 616.0,40.0"');
    expect(svg).toContain('>100</text>');
  });

  it('refuses to draw nothing', () => {
    expect(() => drawPlot({ title: 'empty', xLabel: '', yLabel: '', lines: [] })).toThrow(/nothing to draw in "empty"/);
  });
});

import { ProgressBar } from '../../base/terminal/progress-bar.js';
import { type ExportScenesOptions, exportScenes } from '../../firmware-sim/camera/export-scenes.js';
import type { CommandContext } from '../command-context.js';

export type SimExportOptions = Required<Pick<ExportScenesOptions, 'mix' | 'format' | 'workers' | 'out' | 'count'>> & {
  readonly seed: string;
  readonly size: { readonly widthPx: number; readonly heightPx: number };
  readonly json?: boolean;
};

/** Writes pictures of simulated scenes, with a progress bar where a person is looking. */
export async function runSimExport(options: SimExportOptions, context: CommandContext): Promise<void> {
  const { size, json, ...rest } = options;
  const bar = new ProgressBar(context.err, context.clock, 'pictures', 'count');
  const summary = await exportScenes({
    ...rest,
    ...size,
    signal: context.signal,
    onProgress: (done, total) => bar.update({ done, total }),
  }).finally(() => bar.end());
  if (json === true) return context.out.writeJson(summary);
  context.out.writeLine(`${summary.images} pictures, ${summary.annotations} objects: ${summary.annotationsPath}`);
}

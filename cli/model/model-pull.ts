import { randomBytes } from 'node:crypto';
import { Random } from '../../base/random.js';
import { ProgressBar } from '../../base/terminal/progress-bar.js';
import { manifestPathOf } from '../../edge/vision/model/manifest.js';
import { type PullRequest, pullModel } from '../../edge/vision/pull/pull-model.js';
import { type CommandContext, usageError } from '../command-context.js';
import { modelFolder } from './model-folder.js';

export type PullOptions = {
  readonly url?: string;
  readonly sha256?: string;
  readonly dir?: string;
  readonly json?: boolean;
};

/** Downloads a model, with a progress bar where a person is looking. */
export async function runModelPull(
  name: string | undefined,
  options: PullOptions,
  context: CommandContext,
): Promise<void> {
  const request = requestOf(name, options);
  const title = name ?? options.url?.split('/').at(-1) ?? 'model';
  const bar = new ProgressBar(context.err, context.clock, title);
  const pulled = await pullModel(request, {
    dir: modelFolder(options.dir, context.env),
    clock: context.clock,
    random: new Random(randomBytes(8).toString('hex')),
    signal: context.signal,
    onProgress: ({ receivedBytes, totalBytes, waitingFor }) =>
      bar.update({
        done: receivedBytes,
        total: totalBytes,
        ...(waitingFor === undefined ? {} : { note: `again soon: ${waitingFor}` }),
      }),
  }).finally(() => bar.end());
  if (options.json === true) return context.out.writeJson(pulled);
  const { out, err } = context;
  for (const warning of pulled.warnings) err.writeLine(`${err.paint('yellow', 'warning:')} ${warning}`);
  out.writeLine(
    `${pulled.path}  ${pulled.bytes} bytes, sha256 right${pulled.alreadyThere ? ', was here already' : ''}`,
  );
  if (pulled.manifest === undefined) return;
  out.writeLine(manifestPathOf(pulled.path));
  out.writeLine(`try it: vedette model run ${pulled.path} PICTURE`);
}

function requestOf(name: string | undefined, { url, sha256 }: PullOptions): PullRequest {
  if (name !== undefined && sha256 !== undefined) {
    throw usageError('model pull', 'the sum of a known model is known; give a name or --sha256, not both');
  }
  if (name !== undefined) return url === undefined ? { name } : { name, url };
  if (url !== undefined && sha256 !== undefined) return { url, sha256 };
  const missing = url !== undefined ? 'of a file from any address the --sha256 must be given' : 'say which model';
  throw usageError('model pull', missing, 'vedette model list, or --url with --sha256');
}

import { renderTable } from '../../base/terminal/table.js';
import { KNOWN_MODELS, type KnownModel } from '../../edge/vision/model/known-models.js';
import { type InstalledModel, listInstalledModels } from '../../edge/vision/pull/installed-models.js';
import type { CommandContext } from '../command-context.js';
import { describeBuiltInModel } from './built-in-model.js';
import { modelFolder } from './model-folder.js';

/** Prints the known models and those in the folder. */
export async function runModelList(
  options: { readonly dir?: string; readonly json?: boolean },
  context: CommandContext,
): Promise<void> {
  const dir = modelFolder(options.dir, context.env);
  const builtIn = await describeBuiltInModel();
  const installed = await listInstalledModels(dir);
  if (options.json === true) {
    context.out.writeJson({
      known: KNOWN_MODELS.map(knownForPrograms),
      installed: installed.map(installedForPrograms),
    });
    return;
  }
  const { out } = context;
  out.write(
    renderTable<KnownModel>(
      out,
      [
        { title: 'known model', cell: ({ manifest }) => manifest.id },
        { title: 'family', cell: ({ manifest }) => manifest.family },
        { title: 'input', cell: ({ manifest }) => `${manifest.input.widthPx}x${manifest.input.heightPx}` },
        { title: 'MB', align: 'right', cell: ({ bytes }) => megabytes(bytes) },
        { title: 'licence', cell: ({ manifest }) => shortLicence(manifest.licence) },
        { title: 'upstream', cell: ({ manifest }) => manifest.source.origin },
        { title: 'about', cell: ({ about }) => about },
      ],
      KNOWN_MODELS,
    ),
  );
  if (builtIn?.manifest !== undefined) {
    const { labels, input } = builtIn.manifest;
    const size = `${input.widthPx}x${input.heightPx}`;
    out.writeLine(`\nbuilt-in: ${size}, ${labels.join(', ')} of the simulated world only: ${builtIn.path}`);
  }
  out.writeLine(`\n${installed.length === 0 ? `no model in ${dir}; get one: vedette model pull NAME` : `in ${dir}:`}`);
  if (installed.length === 0) return;
  out.write(
    renderTable<InstalledModel>(
      out,
      [
        { title: 'file', cell: ({ path }) => path.slice(dir.length).replace(/^\//, '') },
        { title: 'model', cell: ({ manifest }) => manifest?.id ?? '-' },
        { title: 'family', cell: ({ manifest }) => manifest?.family ?? '-' },
        { title: 'labels', align: 'right', cell: ({ manifest }) => String(manifest?.labels.length ?? '-') },
        { title: 'MB', align: 'right', cell: ({ bytes }) => megabytes(bytes) },
        { title: '', cell: ({ problem }) => problem ?? '', colour: () => 'yellow' },
      ],
      installed,
    ),
  );
}

// The name alone; the whole sentence is in the manifest and in --json.
function shortLicence(licence: string): string {
  return /Apache-2\.0|BSD-\d-Clause|MIT/.exec(licence)?.[0] ?? licence.slice(0, 20);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function knownForPrograms({ manifest, bytes, url, about, fileName }: KnownModel) {
  const { id, family, input, licence, sha256, source, labels } = manifest;
  const { widthPx, heightPx } = input;
  return {
    name: id,
    family,
    widthPx,
    heightPx,
    bytes,
    sha256,
    labels: labels.length,
    licence,
    upstream: source.origin,
    url,
    fileName,
    about,
  };
}

function installedForPrograms({ path, bytes, manifest, problem }: InstalledModel) {
  return { path, bytes, name: manifest?.id ?? null, family: manifest?.family ?? null, problem: problem ?? null };
}

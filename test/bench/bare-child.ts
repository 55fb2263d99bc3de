import { bindModel, createSession } from '../../edge/vision/detect/load-detector.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { bareRunOf } from './bare-run.js';

// Bare runs in a process of its own, for `BareProcess`: one turn for each message, its length in ms.

/** Before each turn, uncounted: what others have left in the caches goes first. */
const WARM_MS = 200;

export type BareTurn = { readonly fps: number; readonly cpuMsPerRun: number };

const model = await resolveModel(process.argv[2] ?? '');
const session = await createSession(model, 1);
const runOnce = bareRunOf(session, bindModel(model, session));

async function runsWithin(measureMs: number): Promise<number> {
  const startedMs = performance.now();
  let runs = 0;
  for (; performance.now() - startedMs < measureMs; runs++) await runOnce();
  return runs;
}

async function takeTurn(measureMs: number): Promise<BareTurn> {
  await runsWithin(WARM_MS);
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const runs = await runsWithin(measureMs);
  const fps = (runs * 1000) / (performance.now() - startedMs);
  const { user, system } = process.cpuUsage(before);
  return { fps, cpuMsPerRun: (user + system) / 1000 / runs };
}

process.on('message', (measureMs) => {
  void takeTurn(Number(measureMs)).then((turn) => process.send?.(turn));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

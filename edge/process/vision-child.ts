import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { SystemClock } from '../../base/clock.js';
import { messageOf, OperationError } from '../../base/errors.js';
import { openLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { CameraConfig } from '../camera-config.js';
import { feedOf } from '../capture/source-factory.js';
import { loadDetector } from '../vision/detect/load-detector.js';
import { CameraLoop } from './camera-loop.js';
import { looksAhead, needsThread } from './detector-count.js';
import { DetectorPool } from './detector-pool.js';
import { timeLook } from './first-look.js';
import { LookDesk } from './look-desk.js';
import { OfferBox } from './offer-box.js';
import { SerialDetector } from './serial-detector.js';
import { SourceLoops } from './source-loops.js';
import { Turns } from './turns.js';
import {
  type Adjustment,
  type AskSnapshot,
  type StartVision,
  VisionCommand,
  type VisionReport,
} from './vision-message.js';

// The vision process of a node: everything that can block, leak or crash. Started by vision-host.ts, speaks to it alone.

const MIB = 1024 * 1024;
/** While the detectors work, the picture of one more camera is decoded and made ready. */
const DECODING_AHEAD = 1;
const stop = new AbortController();
// Every camera waits for it in several places, and ends its program when this process ends.
setMaxListeners(0, stop.signal, process);
const clock = new SystemClock();
const turns = new Turns(clock);
/** By camera, from when the model is loaded. */
const running = new Map<string, CameraLoop>();
/** What came while it was being loaded, the newest per camera. */
const adjustments = new Map<string, Adjustment>();

function report(message: VisionReport): void {
  if (process.connected) process.send?.(message);
}

const offers = new OfferBox({ clock, report });
stop.signal.addEventListener('abort', () => offers.close(), { once: true });
const sources = new SourceLoops(report);
const looks = new LookDesk({ turns, clock, report, signal: stop.signal });

async function run(start: StartVision): Promise<void> {
  const log = openLog(`vision ${start.node}`, start.logLevel);
  const { modelPath, threads, instances } = start;
  const cameras = Object.entries(start.cameras).map(([id, config]) => {
    const { source, ...settings } = CameraConfig.parse(config);
    const isAhead = looksAhead({ source, motion: settings.motion });
    return { id, feed: feedOf(source, { clock, simCommand: start.simCommand }), settings, isAhead };
  });
  const recordings = cameras.filter(({ isAhead }) => isAhead).length;
  const node = { offers: start.offers, recordings, cores: availableParallelism() };
  const isInThread = instances > 1 || needsThread(node);
  const pool = isInThread ? await DetectorPool.open({ modelPath, threads, instances }) : undefined;
  const model = pool ?? (await loadDetector({ modelPath, threads }));
  const detector = pool ?? new SerialDetector(model, clock);
  const modelScoreMin = model.manifest.thresholds.score;
  // Jitter of retries only; two cameras of one node must not retry in step.
  const randomOf = (id: string) => new Random(`${start.node}/${id}/${process.pid}`);
  const shared = { ...(start.offers ? { offers } : {}), audits: start.audits };
  const parts = { detector, turns, ...shared, aheadMax: isInThread ? instances : 0, modelScoreMin, clock, log, report };
  const loops = cameras.map(({ id, feed, settings }) => {
    const firstTrackId = start.firstTrackIds[id] ?? 1;
    return [id, new CameraLoop({ ...parts, id, feed, settings, firstTrackId, random: randomOf(id) })] as const;
  });
  const firstLookMs = start.tellsWork ? await timeLook(detector, clock) : 0;
  for (const [id, loop] of loops) {
    running.set(id, loop);
    const adjustment = adjustments.get(id);
    if (adjustment !== undefined) loop.adjust(adjustment);
  }
  const places = instances + DECODING_AHEAD;
  // Looks for others are decoded ahead, too.
  looks.open(detector, start.offers ? places : instances);
  const placesFor = (views: number) => (start.offers ? places : Math.min(Math.max(views, 1), places));
  const views = loops.length + (isInThread ? recordings * instances : 0);
  turns.open(placesFor(views));
  sources.open({
    ...{ ...parts, random: randomOf('sources') },
    onCount: (count) => turns.widen(placesFor(views + count)),
  });
  const all = () => [...loops, ...sources.loops];
  report({
    type: 'ready',
    model: { id: model.manifest.id, sha256: model.manifest.sha256 },
    labels: [...detector.labels],
  });
  const workNow = () => {
    const { counts, places: placesNow } = turns;
    return { ...counts, detectorMs: detector.busyMs, places: placesNow, detectors: instances, firstLookMs };
  };
  const tick = () => {
    report({
      type: 'tick',
      busyMs: Math.max(0, ...all().map(([, loop]) => loop.busyMs)),
      rssMiB: process.memoryUsage.rss() / MIB,
      counters: {
        ...Object.fromEntries(Object.entries(model.drops).map(([cause, count]) => [`candidate-${cause}`, count])),
        ...(start.offers ? { 'offer-unencoded': offers.unencoded } : {}),
        ...(sources.unwatched > 0 ? { 'source-unwatched': sources.unwatched } : {}),
      },
      ...(start.tellsWork ? { work: workNow() } : {}),
      cameras: Object.fromEntries(all().map(([id, loop]) => [id, loop.tick()])),
      gone: sources.gone,
    });
  };
  const cancelTick = clock.every(start.tickMs, tick);
  const cancelStates = clock.every(5000, () => {
    for (const [, loop] of all()) loop.reportState();
  });
  for (const [, loop] of loops) loop.reportState();
  await Promise.all(loops.map(([, loop]) => loop.run(stop.signal)));
  // Sources that play once may all have ended: the process stays, so that its cameras' states stay true.
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
  await sources.close();
  cancelTick();
  cancelStates();
  tick();
  await detector.close();
}

function adjust(camera: string, adjustment: Adjustment): void {
  adjustments.set(camera, adjustment);
  running.get(camera)?.adjust(adjustment);
}

function ask(request: AskSnapshot): void {
  const loop = running.get(request.camera);
  if (loop !== undefined) {
    loop.ask(request);
    return;
  }
  const message = 'the model is still being loaded';
  report({ type: 'answer', request: request.request, ok: false, code: 'try-again', message });
}

function fail(error: unknown): void {
  const isExpected = error instanceof OperationError;
  const hint = isExpected && error.hint !== undefined ? { hint: error.hint } : {};
  report({ type: 'failed', code: isExpected ? error.code : 'internal', message: messageOf(error), ...hint });
  if (!isExpected && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}

process.on('message', (message) => {
  const command = VisionCommand.parse(message);
  if (command.type === 'stop') return stop.abort();
  if (command.type === 'adjust') return adjust(command.camera, command.adjustment);
  if (command.type === 'snapshot') return ask(command);
  if (command.type === 'share') return turns.setShare(command.share);
  if (command.type === 'look') return looks.look(command);
  if (command.type === 'away') return turns.setAway(command.places);
  if (command.type === 'offered') return offers.onOffered(command);
  if (command.type === 'watch') return sources.watch(command);
  if (command.type === 'unwatch') return void sources.unwatch(command.source).catch(fail);
  if (command.type === 'frame') return sources.push(command);
  turns.setShare(command.share);
  // Now, not when the model is there: by then some may have been taken back.
  for (const source of command.sources) sources.watch(source);
  for (const [camera, adjustment] of Object.entries(command.adjustments)) adjust(camera, adjustment);
  run(command)
    .catch(fail)
    .finally(() => {
      if (process.connected) process.disconnect();
    });
});
// The parent is gone: nobody listens, and a camera must not be held by an orphan.
process.on('disconnect', () => {
  stop.abort();
  setTimeout(() => process.exit(), 2000).unref();
});
// A terminal's Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

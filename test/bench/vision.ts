import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import sharp from 'sharp';
import { SystemClock } from '../../base/clock.js';
import { JpegSplitter } from '../../edge/capture/file/jpeg-splitter.js';
import type { RgbPicture } from '../../edge/capture/frame.js';
import { decodePicture } from '../../edge/capture/picture-decoder.js';
import { VisionSettings } from '../../edge/vision/config.js';
import { bindModel, createSession, loadDetector } from '../../edge/vision/detect/load-detector.js';
import { PictureTensor } from '../../edge/vision/detect/picture-tensor.js';
import { trackEventToRecordFields } from '../../edge/vision/event/track-event.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { CameraPipeline } from '../../edge/vision/pipeline.js';
import { SceneCamera } from '../../firmware-sim/scene/scene-camera.js';
import { numberOption, scriptOptions } from '../script-options.js';
import { bareRunOf } from './bare-run.js';
import { buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { BrokerPair } from './broker-pair.js';
import { findPeerPython, VisionPeer } from './vision-peer.js';

const WORDS = {
  call: 'npm run bench:vision',
  about: `Frames/s of the whole path (JPEG in to event out, the detector on every frame), of bare session.run on as many
threads, and of bare decode + session.run; run by run in turn, so that a machine whose speed drifts bends none.
Where Python has OpenCV and paho-mqtt and the model is YOLOX: the same through those, both publishing to one Mosquitto.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  model: { type: 'string' },
  clip: { type: 'string' },
  threads: { type: 'string', default: '1' },
  frames: { type: 'string', default: '100' },
  runs: { type: 'string', default: '5' },
});

const fixtures = resolve(process.env.VEDETTE_FIXTURES ?? '../shared/fixtures');
const builtIn = new URL('../../../edge/models/vedette-sim.onnx', import.meta.url).pathname;
const hasFixtures = existsSync(`${fixtures}/models/yolox_nano.onnx`);
const modelPath = args.model ?? (hasFixtures ? `${fixtures}/models/yolox_nano.onnx` : builtIn);
const clipPath = args.clip ?? (hasFixtures ? `${fixtures}/videos/one-person-room.mjpeg` : undefined);
const threads = numberOption('--threads', args.threads, 1);
const framesMax = numberOption('--frames', args.frames, 1);
const runs = numberOption('--runs', args.runs, 1);
const clock = new SystemClock();
const folder = await mkdtemp(join(tmpdir(), 'vedette-bench-'));
const pair = new BrokerPair(folder);

function readClip(path: string): Uint8Array[] {
  const splitter = new JpegSplitter(16 * 1024 * 1024);
  splitter.push(readFileSync(path));
  const pictures: Uint8Array[] = [];
  for (let jpeg = splitter.next(); jpeg !== undefined && pictures.length < framesMax; jpeg = splitter.next()) {
    pictures.push(jpeg);
  }
  return pictures;
}

async function renderClip(): Promise<Uint8Array[]> {
  const camera = new SceneCamera({ seed: 'bench', widthPx: 640, heightPx: 480, fps: 10, difficulty: 'demo' });
  const pictures: Uint8Array[] = [];
  for (let i = 0; i < framesMax; i++) {
    const { rgb } = camera.frame(i);
    pictures.push(
      await sharp(rgb, { raw: { width: 640, height: 480, channels: 3 } })
        .jpeg({ quality: 85 })
        .toBuffer(),
    );
  }
  return pictures;
}

const clip = clipPath === undefined ? await renderClip() : readClip(clipPath);
const model = await resolveModel(modelPath);
const session = await createSession(model, threads);
const bound = bindModel(model, session);
const { inputs } = bound;
const detector = await loadDetector({ modelPath, threads });
const first = await decodePicture(clip[0] ?? new Uint8Array());

const bareRun = bareRunOf(session, bound);

async function fps(work: () => Promise<void>): Promise<number> {
  const startMs = clock.monoMs();
  await work();
  return (clip.length * 1000) / (clock.monoMs() - startMs);
}

const onlyRuns = () =>
  fps(async () => {
    for (const _ of clip) await bareRun();
  });

const decodeAndRun = () =>
  fps(async () => {
    for (const jpeg of clip) {
      await decodePicture(jpeg);
      await bareRun();
    }
  });

let events = 0;
const wholePath = (decode: (i: number) => Promise<RgbPicture>, gate: boolean, client?: MqttClient) =>
  fps(async () => {
    const acks: Promise<unknown>[] = [];
    const settings = VisionSettings.parse({
      motion: { enabled: gate },
      regions: { mode: gate ? 'auto' : 'whole' },
      snapshot: { enabled: false },
    });
    const modelScoreMin = model.manifest.thresholds.score;
    const pipeline = new CameraPipeline({ camera: 'bench', detector, settings, modelScoreMin, clock });
    for (let i = 0; i < clip.length; i++) {
      const picture = await decode(i);
      const output = await pipeline.process(picture, i * 100, i * 100);
      for (const event of output.events) {
        const fields = trackEventToRecordFields(event, picture.widthPx, picture.heightPx);
        if (client !== undefined) acks.push(client.publishAsync('ours/records', JSON.stringify(fields), { qos: 1 }));
        events++;
      }
    }
    await Promise.all(acks);
  });

// Bare runs compute on a real picture.
const firstTensor = new PictureTensor(model.manifest.input);
firstTensor.fill(first, [0, 0, first.widthPx, first.heightPx]);
inputs.feed(firstTensor.data, model.manifest.thresholds.score);
const decoded: RgbPicture[] = [];
for (const jpeg of clip) decoded.push(await decodePicture(jpeg));
const fromJpeg = (i: number) => decodePicture(clip[i] ?? new Uint8Array());
const fromPixels = async (i: number) => decoded[i] ?? first;

const peer = await startPeer();
async function startPeer() {
  const python = findPeerPython();
  const isKnown = model.manifest.family === 'yolox' && clipPath !== undefined;
  const mosquitto = python !== undefined && isKnown ? await pair.startMosquitto() : undefined;
  if (python === undefined || mosquitto === undefined || !isKnown) return undefined;
  const program = new URL('../../../test/bench/peer/opencv_peer.py', import.meta.url).pathname;
  const peerArgs = [modelPath, clipPath, clip.length, threads, mosquitto.port].map(String);
  return { program: await VisionPeer.start(python, program, peerArgs), port: mosquitto.port };
}
const publisher = peer === undefined ? undefined : await connectAsync(`mqtt://127.0.0.1:${peer.port}`);

const measured = {
  published: [] as number[],
  peer: [] as number[],
  run: [] as number[],
  decodeRun: [] as number[],
  jpeg: [] as number[],
  raw: [] as number[],
  gated: [] as number[],
};
for (let i = -1; i < runs; i++) {
  const round = {
    run: await onlyRuns(),
    raw: await wholePath(fromPixels, false),
    decodeRun: await decodeAndRun(),
    jpeg: await wholePath(fromJpeg, false),
    gated: await wholePath(fromJpeg, true),
    published: publisher === undefined ? Number.NaN : await wholePath(fromJpeg, false, publisher),
    peer: (await peer?.program.run())?.fps ?? Number.NaN,
  };
  // The first round warms caches and the compiler.
  if (i < 0) continue;
  measured.run.push(round.run);
  measured.decodeRun.push(round.decodeRun);
  measured.jpeg.push(round.jpeg);
  measured.raw.push(round.raw);
  measured.gated.push(round.gated);
  measured.published.push(round.published);
  measured.peer.push(round.peer);
}

const run = summarise('bare session.run', 'frames/s', measured.run);
const decodeRun = summarise('bare decode + session.run', 'frames/s', measured.decodeRun);
const raw = summarise('whole path from pixels', 'frames/s', measured.raw);
const jpeg = summarise('whole path from JPEG', 'frames/s', measured.jpeg);
const gated = summarise('whole path from JPEG, motion gate on', 'frames/s', measured.gated);
const published = summarise('whole path from JPEG, published', 'frames/s', measured.published);
const python = summarise('Python OpenCV DNN and paho-mqtt', 'frames/s', measured.peer);
const results = [
  run,
  decodeRun,
  withRatio(raw, measured.raw, run, measured.run),
  withRatio(jpeg, measured.jpeg, run, measured.run),
  {
    ...withRatio(jpeg, measured.jpeg, decodeRun, measured.decodeRun),
    name: 'whole path from JPEG, against decode + run',
  },
  gated,
  ...(peer === undefined ? [] : [withRatio(published, measured.published, python, measured.peer), python]),
];
const settings = {
  model: model.manifest.id,
  clip: clipPath?.split('/').at(-1) ?? 'simulated',
  frames: clip.length,
  widthPx: first.widthPx,
  heightPx: first.heightPx,
  threads,
  events,
};
printReport(buildReport('vision', settings, ['onnxruntime-node', 'sharp'], results), args.json);
await session.release();
await detector.close();
await publisher?.endAsync();
peer?.program.stop();
pair.stop();
await rm(folder, { recursive: true, force: true });

// A camera whose driver is stuck: it gives a few old pictures over and over, with times that are always new. No two in a row
// are the same, so that the watch over a frozen picture finds nothing. Runs from dist; writes the frame pipe.
import { encodePipeFrame } from '../../dist/firmware-sim/camera/pipe-frame.js';
import { SceneCamera } from '../../dist/firmware-sim/scene/scene-camera.js';

const [seed = 'stuck', pictures = '4', fps = '3'] = process.argv.slice(2);
const size = { widthPx: 480, heightPx: 360 };
/** Seconds of the scene between two pictures: what moves is somewhere else in the next one. */
const APART = 2;

const camera = new SceneCamera({ seed, ...size, fps: Number(fps), difficulty: 'demo' });
const loop = Array.from({ length: Number(pictures) }, (_, i) =>
  Uint8Array.from(camera.frame((i + 5) * APART * Number(fps)).rgb),
);
let index = 0;
process.stdout.on('error', () => process.exit());
setInterval(() => {
  const rgb = loop[index % loop.length];
  process.stdout.write(encodePipeFrame({ ...size, capturedAtMs: Date.now(), index, rgb }));
  index++;
}, 1000 / Number(fps));

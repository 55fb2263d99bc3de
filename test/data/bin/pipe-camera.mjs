// A camera program for tests of the frame pipe: pipe-camera.mjs MODE COUNT [--pipe --seed S --size WxH --fps F]
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pipe: { type: 'boolean' },
    seed: { type: 'string', default: '1' },
    size: { type: 'string', default: '32x24' },
    fps: { type: 'string', default: '50' },
  },
});
const [mode = 'good', count = '1000000'] = positionals;
const [width, height] = values.size.split('x').map(Number);

function frame(index) {
  const pixels = Buffer.alloc(width * height * 3, (index + Number(values.seed)) % 256);
  const header = Buffer.alloc(32);
  header.write(mode === 'bad-magic' && index === 2 ? 'XXXX' : 'VDF1', 0, 'latin1');
  header.writeUInt16LE(width, 4);
  header.writeUInt16LE(height, 6);
  header.writeUInt8(mode === 'bad-format' ? 9 : 1, 8);
  header.writeDoubleLE(Date.now(), 16);
  header.writeUInt32LE(mode === 'skips' ? index * 2 : index, 24);
  header.writeUInt32LE(mode === 'bad-length' ? 4_000_000_000 : pixels.length, 28);
  return Buffer.concat([header, pixels]);
}

process.stdout.on('error', () => process.exit(0));
if (mode === 'text') process.stdout.write('the simulator says hello instead of frames, at some length\n');
if (mode === 'hang') setInterval(() => {}, 1000);
let index = 0;
const timer = setInterval(
  () => {
    if (mode === 'text' || mode === 'hang') return clearInterval(timer);
    if (index >= Number(count)) {
      clearInterval(timer);
      const last = mode === 'half' ? frame(index).subarray(0, 100) : Buffer.alloc(0);
      process.stdout.write(last, () => {
        if (mode === 'stderr') process.stderr.write('sensor lost\n', () => process.exit(3));
        else process.exit(0);
      });
      return;
    }
    process.stdout.write(frame(index++));
  },
  1000 / Number(values.fps),
);

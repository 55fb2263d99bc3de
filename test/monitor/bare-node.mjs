// A node reduced to what a monitor hears of it, as the service of a simulated board: birth, heartbeats, one camera.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'mqtt';

const [port, node, passwordFile, camera] = process.argv.slice(2);
const inv = process.env.INVOCATION_ID;
// Milliseconds as generation: higher in every life without a disk to keep it on.
const gen = Date.now();
const topic = (rest) => `vedette/1/node/${node}/${rest}`;
const status = (state) => JSON.stringify({ v: 1, state, gen, sid: `s${gen}`, inv, boot: 'b', version: '0' });
const retained = { qos: 1, retain: true };
const client = connect(`mqtt://127.0.0.1:${port}`, {
  clientId: node,
  username: node,
  password: readFileSync(passwordFile, 'utf8'),
  protocolVersion: 4,
  will: { topic: topic('status'), payload: status('lost'), ...retained },
});
client.on('error', () => {});
client.on('connect', () => {
  client.publish(topic('status'), status('online'), retained);
  const word = camera === 'unplugged' ? { ok: false, reason: 'unplugged' } : { ok: true };
  const state = { v: 1, fps: 1, frameAgeMs: null, ...word };
  client.publish(topic('camera/front/state'), JSON.stringify(state), retained);
});
// What a probe of the board reads.
function pulse() {
  const monoMs = process.hrtime.bigint() / 1_000_000n;
  const lines = [`inv=${inv}`, 'mqtt=1', `frame_age_ms=${frameAgeMs ?? '-'}`, `mono_ms=${monoMs}`, ''];
  writeFileSync(join(process.env.RUNTIME_DIRECTORY, 'health.new'), lines.join('\n'));
  renameSync(join(process.env.RUNTIME_DIRECTORY, 'health.new'), join(process.env.RUNTIME_DIRECTORY, 'health'));
}

let seq = 0;
const frameAgeMs = camera === 'seeing' ? 10 : null;
setInterval(() => {
  const cameras = { front: { frameAgeMs, inferAgeMs: null, fps: 1 } };
  const beat = { v: 1, gen, inv, seq: ++seq, upS: 1, loopLagMs: 0, cameras };
  pulse();
  if (client.connected) client.publish(topic('beat'), JSON.stringify(beat));
}, 200);

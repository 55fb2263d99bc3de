// A node's log and nothing else, to be killed at random: appends records and writes into a side file which ones it has
// appended, so that a test can say what must have arrived. Runs from dist.
import { appendFileSync, readFileSync } from 'node:fs';
import { SystemClock } from '../../dist/base/clock.js';
import { Link } from '../../dist/base/link/link.js';
import { SideLinks } from '../../dist/base/link/side-links.js';
import { openLog } from '../../dist/base/log.js';
import { Presence } from '../../dist/base/presence/presence.js';
import { Random } from '../../dist/base/random.js';
import { RecordStore } from '../../dist/edge/records/record-store.js';

const [urls, node, passwordFile, stateDir, sideFile, recordsPerS] = process.argv.slice(2);
const clock = new SystemClock();
const random = new Random(`${process.pid}`);
const log = openLog(node, 'warn');
const password = readFileSync(passwordFile, 'utf8').trim();
const options = {
  url: urls.split(','),
  username: node,
  password,
  root: 'vedette',
  clock,
  random,
  log,
  limits: { reconnectMaxMs: 5_000 },
};
const link = new Link({ ...options, clientId: node });
const second = { ...options, clientId: `${node}-bulk` };
const bulk = new Link({ ...second, follows: link });
const sides = new SideLinks({ link: second, main: link });
const presence = new Presence({
  link,
  identity: { kind: 'node', node },
  stateDir,
  version: '0.1.0',
  clock,
  random,
  log,
});
await presence.open();
const store = new RecordStore({
  stateDir,
  node,
  link,
  bulk,
  sides,
  clock,
  random,
  log,
  opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
});
await store.open();
presence.onRepublish(() => store.republish());
link.open();
bulk.open();
sides.open();

let id = 0;
async function append() {
  const box = [random.int(500), random.int(500), 500 + random.int(500), 500 + random.int(500)];
  const fields = { k: 'track', c: 'front', ev: 'update', id: ++id, l: 'person', p: random.int(1000), b: box };
  const { s } = await store.append(fields);
  appendFileSync(sideFile, `${store.epoch} ${s}\n`);
}
const rate = Number(recordsPerS);
const stop = rate > 0 ? clock.every(1000 / rate, () => void append()) : () => {};
process.on('SIGTERM', async () => {
  stop();
  await store.close();
  await Promise.all([bulk.close(), sides.close()]);
  await presence.close('sigterm');
});

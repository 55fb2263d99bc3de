// A node without cameras, to be killed at random: its log, its replica, its answers. Appends records and writes into a side
// file which ones it has appended, so that a test can say what everybody must hold: those of a script, JSON lines with the
// time of each as `t`, and so many a second. Polls others that often. Runs from dist.
import { appendFileSync, readFileSync } from 'node:fs';
import { SystemClock } from '../../dist/base/clock.js';
import { Link } from '../../dist/base/link/link.js';
import { RetainedDocuments } from '../../dist/base/link/retained-documents.js';
import { SideLinks } from '../../dist/base/link/side-links.js';
import { openLog } from '../../dist/base/log.js';
import { Presence } from '../../dist/base/presence/presence.js';
import { Random } from '../../dist/base/random.js';
import { EdgeConfig } from '../../dist/edge/config.js';
import { NodeRecords } from '../../dist/edge/node-records.js';
import { routes } from '../../dist/protocol/routes.js';

const [urls, node, passwordFile, stateDir, sideFile, recordsPerS, wallOffsetMs = '0', script = '', pollMs = '2000'] =
  process.argv.slice(2);

/** A board whose wall clock is wrong. */
class WrongClock extends SystemClock {
  nowMs() {
    return super.nowMs() + Number(wallOffsetMs);
  }
}

const clock = new WrongClock();
const random = new Random(`${node}/${process.pid}`);
const log = openLog(node, 'warn');
const common = {
  url: urls.split(','),
  username: node,
  password: readFileSync(passwordFile, 'utf8').trim(),
  root: 'vedette',
  clock,
  random,
  log,
  limits: { reconnectMaxMs: 3_000 },
};
const link = new Link({ ...common, clientId: node });
const second = { ...common, clientId: `${node}-bulk` };
const bulk = new Link({ ...second, follows: link });
const sides = new SideLinks({ link: second, main: link });
const presence = new Presence({
  ...{ link, stateDir, clock, random, log },
  identity: { kind: 'node', node },
  version: '0.1.0',
});
const documents = new RetainedDocuments(link, clock, log);
await presence.open();
const config = EdgeConfig.parse({
  node,
  cameras: {},
  records: { fsyncRefillMs: 0 },
  replica: { pollMs: Number(pollMs) },
});
const records = new NodeRecords({
  ...{ stateDir, node, link, bulk, sides, clock, random, log, records: config.records, replica: config.replica },
  opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
  isClockSynchronised: () => true,
  onDisk: () => {},
  onReplicaState: (state) => documents.set(routes.replica, { node }, state),
});
await records.open();
documents.set(
  routes.info,
  { node },
  {
    v: 1,
    version: '0.1.0',
    cameras: {},
    sensors: {},
    labels: [],
    configSha256: '0'.repeat(64),
    capabilities: ['records', 'need'],
    schemas: { major: 1, minor: 1 },
    publicKey: records.publicKey,
  },
);
presence.onRepublish(() => {
  documents.republishAll();
  records.republish();
});
link.open();
bulk.open();
sides.open();

let id = 0;
async function append() {
  const box = [random.int(500), random.int(500), 500 + random.int(500), 500 + random.int(500)];
  const fields = { k: 'track', c: 'front', ev: 'update', id: ++id, l: 'person', p: random.int(1000), b: box };
  const { s } = await records.append(fields);
  appendFileSync(sideFile, `${node} ${records.epoch} ${s}\n`);
}

const scripted = script === '' ? [] : readFileSync(script, 'utf8').trimEnd().split('\n');
for (let i = 0; i < scripted.length; i += 64) {
  const appends = scripted.slice(i, i + 64).map((line) => {
    const { t, ...fields } = JSON.parse(line);
    return records.append(fields, t);
  });
  const { s } = (await Promise.all(appends)).at(-1);
  appendFileSync(sideFile, `${node} ${records.epoch} ${s}\n`);
}
const rate = Number(recordsPerS);
const stop = rate > 0 ? clock.every(1000 / rate, () => void append()) : () => {};
process.on('SIGTERM', async () => {
  stop();
  await records.close();
  await Promise.all([bulk.close(), sides.close()]);
  await presence.close('sigterm');
});

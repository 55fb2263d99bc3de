// A store of incidents and nothing else, to be killed at random: says which ones are written. Runs from dist.
import { SystemClock } from '../../dist/base/clock.js';
import { openLog } from '../../dist/base/log.js';
import { IncidentStore } from '../../dist/monitor/incident-store.js';

const [folder, from] = process.argv.slice(2);
const store = await IncidentStore.open(folder, new SystemClock(), openLog('incidents', 'warn'));
for (let openedAtMs = Number(from); ; openedAtMs++) {
  const evidence = [{ atMs: openedAtMs, what: `sign ${openedAtMs} `.repeat(20) }];
  store.put({ v: 1, node: 'cam1', state: 'suspect', cause: 'will', openedAtMs, evidence });
  await store.settled();
  process.stdout.write(`${openedAtMs}\n`);
}

import { expect, it } from 'vitest';
import { SimulatedClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { addEvidence, openIncident } from '../../monitor/incident.js';
import { IncidentBoard } from '../../monitor/incident-board.js';
import type { Incident } from '../../protocol/status.js';

it('calls an incident by one time, however the wall clock moves while it lasts', () => {
  const clock = new SimulatedClock();
  const log = silentLog;
  // Never opened: what is told goes to whoever keeps it all the same.
  const link = new Link({
    url: 'mqtt://127.0.0.1:1',
    clientId: 'monitor',
    root: 'x',
    clock,
    random: new Random(1),
    log,
  });
  const told: Incident[] = [];
  const onTold = (incident: Incident) => told.push(incident);
  const board = new IncidentBoard({ link, monitor: 'monitor', subjects: new Set(['cam1']), clock, log, onTold });
  const opened = openIncident('will', 'will of generation 3', clock.monoMs());
  board.post('cam1', 'suspect', opened);
  clock.jumpWall(-1);
  board.post('cam1', 'confirmed', addEvidence(opened, 'grace is over', clock.monoMs()));
  clock.jumpWall(60_000);
  board.post('cam1', 'up', addEvidence(opened, 'heard', clock.monoMs()));
  expect(new Set(told.map(({ openedAtMs }) => openedAtMs)).size).toBe(1);
  board.post('cam1', 'suspect', openIncident('will', 'will of generation 4', clock.monoMs() + 1));
  expect(told.at(-1)?.openedAtMs).not.toBe(told[0]?.openedAtMs);
});

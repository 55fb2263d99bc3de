import { expect, it } from 'vitest';
import { addEvidence, closeIncident, EVIDENCE_MAX, openIncident } from '../../monitor/incident.js';

it('keeps the beginning and the end of a long incident and counts what it left out', () => {
  let incident = openIncident('will', 'entry 0', 0);
  for (let i = 1; i < 200; i++) incident = addEvidence(incident, `entry ${i}`, i);
  incident = closeIncident(incident, 'heartbeat', 200);
  expect(incident.evidence).toHaveLength(EVIDENCE_MAX);
  expect(incident.evidence[0]?.what).toBe('entry 0');
  expect(incident.evidence[31]?.what).toBe('entry 31');
  expect(incident.evidence.at(-1)?.what).toBe('heartbeat');
  expect(incident.omitted).toBe(201 - EVIDENCE_MAX);
  expect(incident.closedMonoMs).toBe(200);
});

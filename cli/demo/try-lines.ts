import { buildFilter, buildRootFilter, DEFAULT_ROOT, routes } from '../../protocol/routes.js';
import { OPERATOR } from './demo-plan.js';
import type { DemoStatus } from './demo-status.js';

/** What to type in another terminal while the demo runs, ready to be copied. */
export function tryLines(status: DemoStatus): string[] {
  const { broker, stateDir, operatorPasswordFile } = status;
  const node = status.nodes[0]?.node ?? 'cam1';
  const ask = `--broker ${broker.url}`;
  const asOperator = `--user ${OPERATOR} --password-file ${operatorPasswordFile}`;
  return [
    `Try in another terminal:  ${mosquittoLine(broker.url)}`,
    `Ask the nodes themselves: npx vedette query --count ${ask} --state ${stateDir}`,
    ...(status.audits === null
      ? []
      : [`See what they checked:    npx vedette query --kind audit --limit 9 ${ask} --state ${stateDir}`]),
    `Kill a node there:        kill -9 $(cat ${stateDir}/state/run/${node}/pid)`,
    `See who brought it back:  npx vedette monitor explain ${node} ${ask} ${asOperator}`,
    `Work on it undisturbed:   npx vedette monitor maintenance on ${node} --for 60 ${ask} ${asOperator}`,
  ];
}

/** The command that shows everything on a broker: ours lets anybody on this machine read. */
export function mosquittoLine(brokerUrl: string): string {
  const { hostname, port } = new URL(brokerUrl);
  const all = buildRootFilter(DEFAULT_ROOT);
  // A terminal is no place for the bytes of a JPEG.
  const pictures = buildFilter(DEFAULT_ROOT, routes.snapshot);
  return `mosquitto_sub -h ${hostname} -p ${port === '' ? '1883' : port} -v -t '${all}' -T '${pictures}'`;
}

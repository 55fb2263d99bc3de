import type { DemoStatus } from './demo-status.js';

/** A whole demo in one line, for its end. */
export function lastLine(status: DemoStatus): string {
  const { elapsedS, records, messages, latencyMs, nodes, sensorBoard, monitor, broker } = status;
  const missing = nodes.reduce((sum, node) => sum + node.missing, 0);
  const latency = latencyMs === null ? 'no event' : `latency p50 ${Math.round(latencyMs.p50)} ms`;
  const ofNodes = nodes.reduce((sum, node) => sum + node.restarts, sensorBoard.restarts);
  const restarts = [
    counted(ofNodes, 'node restart'),
    counted(broker.restarts, 'broker restart'),
    ...(monitor.restarts === 0 ? [] : [counted(monitor.restarts, 'monitor restart')]),
  ];
  return (
    `stopped after ${elapsedS} s: ${counted(records, 'record')} (${missing} missing), ` +
    `${counted(messages, 'message')}, ${latency}, ${restarts.join(', ')}`
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

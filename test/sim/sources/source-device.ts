import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedFrame } from './watching-node.js';

export type SourceDeviceOptions = {
  readonly brokers: readonly [string, ...string[]];
  readonly everyMs: number;
  /** It tells what it is, retained. */
  readonly announces: boolean;
};

/** A camera without a detector: it connects, and publishes frames. */
export class SourceDevice {
  /** Since when it has sent frames without a gap, virtual ms; undefined while it sends none. */
  sendsSinceMs: number | undefined;
  broker: string | undefined;
  readonly everyMs: number;

  constructor(env: ProgramEnv, { brokers, everyMs, announces }: SourceDeviceOptions, nowMs: () => number) {
    this.everyMs = everyMs;
    const link = env.link({ clientId: env.node, brokers, failbackAfterMs: 60_000 });
    let number = 0;
    link.onUp(() => {
      this.broker = link.broker;
      if (announces) link.publish(`info/${env.node}`, { v: 0 }, { retain: true });
    });
    link.onDown(() => {
      this.broker = undefined;
      this.sendsSinceMs = undefined;
    });
    env.clock.every(everyMs, () => {
      const frame: SimulatedFrame = { source: env.node, number: number++ };
      if (link.publish(`frame/${env.node}`, frame, { qos: 0 })) this.sendsSinceMs ??= nowMs();
    });
    link.open();
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { VISION_ENVIRONMENT, VISION_FLAGS } from '../../edge/process/vision-host.js';
import type { BareTurn } from './bare-child.js';

/** Bare `session.run` of a model in one thread of a process that is started as a node's vision process is. */
export class BareProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(modelPath: string): Promise<BareProcess> {
    const child = fork(new URL('./bare-child.js', import.meta.url), [modelPath], {
      execArgv: [...VISION_FLAGS],
      env: { ...process.env, ...VISION_ENVIRONMENT },
    });
    await answerOf(child);
    return new BareProcess(child);
  }

  async takeTurn(measureMs: number): Promise<BareTurn> {
    this.#child.send(measureMs);
    return await answerOf(this.#child);
  }

  async end(): Promise<void> {
    const isOver = once(this.#child, 'exit');
    this.#child.kill();
    await isOver;
  }
}

// One that dies answers nothing more.
function answerOf(child: ChildProcess): Promise<BareTurn> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`the process of bare runs ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (turn: BareTurn) => {
      child.off('exit', onExit);
      resolve(turn);
    });
  });
}

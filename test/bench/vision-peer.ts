import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const Answer = z.union([z.object({ ready: z.int() }), z.object({ fps: z.number(), boxes: z.int() })]);

export type PeerRun = { readonly fps: number; readonly boxes: number };

/** The interpreter that has OpenCV and paho-mqtt (Debian: python3-opencv, python3-paho-mqtt); undefined without one. */
export function findPeerPython(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => {
    try {
      execFileSync(python, ['-c', 'import cv2, paho.mqtt.client'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** The same model and pictures through Python, OpenCV DNN and paho-mqtt, in a process of its own. */
export class VisionPeer {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess, answers: AsyncIterator<string>) {
    this.#child = child;
    this.#answers = answers;
  }

  /** @throws Error when the program ends before it is ready */
  static async start(python: string, program: string, programArgs: readonly string[]): Promise<VisionPeer> {
    const child = spawn(python, [program, ...programArgs], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => {});
    const peer = new VisionPeer(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    await peer.#answer();
    return peer;
  }

  /** Every picture once. */
  async run(): Promise<PeerRun> {
    this.#child.stdin?.write('go\n');
    const answer = await this.#answer();
    if (!('fps' in answer)) throw new Error('the peer did not run');
    return answer;
  }

  stop(): void {
    this.#child.kill();
  }

  async #answer(): Promise<z.infer<typeof Answer>> {
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('the peer ended');
    return Answer.parse(JSON.parse(value));
  }
}

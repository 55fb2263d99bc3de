import { execFile } from 'node:child_process';
import { numberOf, type SensorSource } from './sensor-source.js';

/** A program that prints a number says nothing longer. */
const OUTPUT_BYTES_MAX = 4096;

export type ProgramOptions = {
  /** Program and arguments; never a shell. */
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly unit: string | undefined;
};

/** A program that is run for each sample and prints one number. */
export class ProgramSource implements SensorSource {
  readonly unit: string | undefined;
  readonly #options: ProgramOptions;
  readonly #closing = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.unit = options.unit;
  }

  async read(): Promise<number> {
    const run = this.#run();
    this.#running = run.catch(() => {});
    return numberOf(await run);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  #run(): Promise<string> {
    const { argv, timeoutMs } = this.#options;
    const [program = '', ...args] = argv;
    return new Promise((resolve, reject) => {
      const options = {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: OUTPUT_BYTES_MAX,
        signal: this.#closing.signal,
      } as const;
      execFile(program, args, options, (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const words = stderr.trim().replace(/\s+/g, ' ').slice(0, 120);
        const how = error.killed ? `no answer in ${timeoutMs} ms` : error.message.split('\n')[0];
        reject(new Error(words === '' ? how : `${how} (${words})`));
      });
    });
  }
}

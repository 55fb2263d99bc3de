import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { atEnd } from './broker-fixture.js';

/**
 * A broker in a process of its own, from the compiled files, as `vedette broker` runs it. Killed when the test ends.
 * @param fileBytesMax size at which the system refuses to let a file grow; lifted with `prlimit`.
 */
export async function spawnBroker(
  stateDir: string,
  journal: object,
  fileBytesMax?: number,
): Promise<{ child: ChildProcess; url: string }> {
  const dist = (path: string) => JSON.stringify(pathToFileURL(resolve('dist', path)).href);
  const script = `
    import { BrokerConfig } from ${dist('broker/config.js')};
    import { runBrokerMain } from ${dist('broker/main.js')};
    const config = BrokerConfig.parse(${JSON.stringify({ stateDir, journal, tcp: { host: '127.0.0.1', port: 0 } })});
    await runBrokerMain(config, new AbortController().signal, ({ ports }) => console.log(ports.tcp));
  `;
  const limited = fileBytesMax === undefined ? [] : ['prlimit', `--fsize=${fileBytesMax}:unlimited`];
  const [program = process.execPath, ...args] = [...limited, process.execPath, '--input-type=module', '-e', script];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  atEnd(() => killBroker(child));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const port = await new Promise<string>((done, fail) => {
    child.stdout.once('data', (chunk: Buffer) => done(chunk.toString().trim()));
    child.once('exit', () => fail(new Error(`the broker ended: ${errors}`)));
  });
  return { child, url: `mqtt://127.0.0.1:${port}` };
}

/** Ends it as a power switch would, and waits until it is gone. */
export async function killBroker(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await gone;
}

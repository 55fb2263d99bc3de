import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { Aedes } from 'aedes';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { SensorConfig } from '../../../edge/sensing/config.js';
import { DeviceLinks } from '../../../edge/sensing/device-links.js';
import { makeSensorSource } from '../../../edge/sensing/source-factory.js';
import { eventually } from '../../eventually.js';
import { describeWithProgram } from '../../fixtures.js';

describeWithProgram('openssl', 'a foreign device behind TLS', () => {
  const clock = new SystemClock();
  let dir: string;
  let aedes: Aedes;
  let server: Server;
  let url: string;

  function makeCertificate(name: string): { certFile: string; keyFile: string } {
    const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const made = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '1', '-keyout', keyFile, '-out', certFile];
    execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
    return { certFile, keyFile };
  }

  /** What a sensor with this authority file reads, or says. */
  async function open(caFile: string | undefined) {
    const devices = new DeviceLinks({ node: 'barn', clock, random: new Random('tls'), log: silentLog });
    const settings = { driver: 'mqtt', url, topic: 'air', ...(caFile === undefined ? {} : { caFile }) };
    const sensor = makeSensorSource(SensorConfig.parse({ source: settings }).source, {
      simCommand: [],
      devices,
      clock,
    });
    const read = () => sensor.read(new AbortController().signal).then(String, (error: unknown) => String(error));
    return { read, close: () => sensor.close() };
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'vedette-device-tls-'));
    const { certFile, keyFile } = makeCertificate('broker');
    aedes = await Aedes.createBroker();
    server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (socket) => {
      socket.on('error', () => {});
      aedes.handle(socket);
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    url = `mqtts://localhost:${port}`;
    const packet = {
      cmd: 'publish',
      topic: 'air',
      payload: Buffer.from('7'),
      qos: 0,
      retain: true,
      dup: false,
    } as const;
    await new Promise<void>((done, fail) => aedes.publish(packet, (error) => (error ? fail(error) : done())));
  });

  afterAll(async () => {
    await new Promise<void>((done) => aedes.close(done));
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('is heard with the authority of its broker', async () => {
    const { read, close } = await open(join(dir, 'broker.crt'));
    await eventually(async () => (await read()) === '7', 'the sensor reads 7');
    await close();
  });

  it('is not heard without it, or with another one, and says why', async () => {
    const { certFile } = makeCertificate('other');
    for (const caFile of [undefined, certFile]) {
      const { read, close } = await open(caFile);
      await eventually(async () => /certificate/.test(await read()), 'the certificate is named');
      await close();
    }
  });

  it('names a file that is not there', async () => {
    const { read, close } = await open(join(dir, 'none.crt'));
    expect(await read()).toMatch(/none\.crt/);
    await close();
  });
});

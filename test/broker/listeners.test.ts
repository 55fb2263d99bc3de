import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SystemClock } from '../../base/clock.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { openBroker } from '../../broker/broker.js';
import { BrokerConfig } from '../../broker/config.js';
import { describeWithProgram } from '../fixtures.js';
import { atEnd, collect, connectAs, startBroker, statusPayload, temporaryFolder, until } from './broker-fixture.js';
import { killBroker, spawnBroker } from './broker-process.js';

const R = 'vedette/1';

describe('a listener', () => {
  it('on a port that is taken names it, and leaves nothing open', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    atEnd(() => new Promise((done) => taken.close(done)));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const stateDir = await temporaryFolder();
    const tcp = { host: '127.0.0.1', port };
    await expect(startBroker({ stateDir, tcp })).rejects.toMatchObject({
      code: 'port-busy',
      message: `listen on 127.0.0.1:${port}: the port is in use`,
      hint: expect.stringMatching(/another port/),
    });
    // The lock and the other listeners are free again.
    await startBroker({ stateDir, websocket: { port: 0 } });
  });

  it('on a host that is not ours says so', async () => {
    await expect(startBroker({ tcp: { host: '203.0.113.1', port: 0 } })).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('a state folder', () => {
  it('is refused to a second broker, and free after the first', async () => {
    const first = await startBroker();
    await expect(startBroker({ stateDir: first.stateDir })).rejects.toMatchObject({
      code: 'state-locked',
      message: expect.stringContaining(first.stateDir),
    });
    await first.broker.close();
    await startBroker({ stateDir: first.stateDir });
  });

  it('of a broker in another process is refused while that lives, and free at once when it is killed', async () => {
    const stateDir = await temporaryFolder();
    const { child } = await spawnBroker(stateDir, {});
    await expect(startBroker({ stateDir })).rejects.toMatchObject({ code: 'state-locked' });
    await killBroker(child);
    await startBroker({ stateDir });
  });

  it('that cannot be made is refused by name, not waited for', async () => {
    const config = BrokerConfig.parse({ name: 'main', stateDir: '/proc/nowhere/state' });
    const parts = { clock: new SystemClock(), log: silentLog, random: new Random('nowhere') };
    await expect(openBroker(config, parts)).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringContaining('/proc/nowhere/state'),
    });
  });
});

describe('MQTT over WebSocket', () => {
  it('works like TCP, large messages and a goodbye included', async () => {
    const { broker, url } = await startBroker({ websocket: { port: 0 } });
    const reader = await connectAs(`ws://127.0.0.1:${broker.ports.websocket}`, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync([`${R}/node/+/status`, `${R}/node/+/camera/+/snapshot/+`], { qos: 1 });
    const node = await connectAs(`ws://127.0.0.1:${broker.ports.websocket}`, 'cam1', {
      will: { topic: `${R}/node/cam1/status`, payload: Buffer.from(statusPayload('lost')), qos: 1, retain: true },
    });
    const picture = 'j'.repeat(200_000);
    await node.publishAsync(`${R}/node/cam1/camera/front/snapshot/person`, picture, { qos: 1, retain: true });
    await until(() => received.length === 1, 'the picture');
    expect(received[0]?.payload).toBe(picture);
    await node.endAsync();
    const other = await connectAs(url, 'cam2');
    await other.publishAsync(`${R}/node/cam2/status`, statusPayload(), { qos: 1, retain: true });
    await until(() => received.length === 2, 'the status');
    expect(received[1]?.topic).toContain('cam2');
  });

  it('answers a wrong password like TCP', async () => {
    const { broker } = await startBroker({ websocket: { port: 0 } });
    const url = `ws://127.0.0.1:${broker.ports.websocket}`;
    await expect(connectAs(url, 'cam1', { password: 'wrong' })).rejects.toThrow(/Bad user ?name or password/i);
  });

  it('is refused to web pages that are not allowed, and to other protocols', async () => {
    const { broker } = await startBroker({
      anonymousRead: true,
      websocket: { port: 0, allowedOrigins: ['http://ours:8080'] },
    });
    const open = (protocol: string, origin?: string) =>
      new Promise<string>((done) => {
        const socket = new WebSocket(
          `ws://127.0.0.1:${broker.ports.websocket}`,
          protocol,
          origin === undefined ? {} : { origin },
        );
        atEnd(() => socket.terminate());
        socket.on('open', () => done('open'));
        socket.on('error', (error) => done(error.message));
      });
    expect(await open('mqtt', 'http://evil.example')).toMatch(/403/);
    expect(await open('chat')).toMatch(/400/);
    expect(await open('mqtt', 'http://ours:8080')).toBe('open');
    expect(await open('mqtt')).toBe('open');
    const response = await fetch(`http://127.0.0.1:${broker.ports.websocket}/`);
    expect(response.status).toBe(426);
  });
});

describeWithProgram('openssl', 'MQTT over TLS', () => {
  async function makeKeys(): Promise<string> {
    const folder = await temporaryFolder();
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
    const authority = (name: string) =>
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
      );
    const signed = (name: string, by: string, extension = 'basicConstraints=CA:FALSE') => {
      openssl(
        'req',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${by}-${name}.key`,
        '-out',
        `${name}.csr`,
      );
      execFileSync('sh', ['-c', `printf '%s\\n' '${extension}' > ext`], { cwd: folder });
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${by}.pem`,
        '-CAkey',
        `${by}.key`,
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        'ext',
        '-out',
        `${by}-${name}.pem`,
      );
    };
    authority('ca');
    authority('stranger');
    signed('broker', 'ca', 'subjectAltName=IP:127.0.0.1');
    signed('cam1', 'ca');
    signed('nobody', 'ca');
    signed('cam1', 'stranger');
    return folder;
  }

  it('takes a password, or a certificate for the user it names, and no other', { timeout: 60_000 }, async () => {
    const keys = await makeKeys();
    const { broker } = await startBroker({
      tls: {
        host: '127.0.0.1',
        port: 0,
        certFile: `${keys}/ca-broker.pem`,
        keyFile: `${keys}/ca-broker.key`,
        clientCaFile: `${keys}/ca.pem`,
      },
    });
    const url = `mqtts://127.0.0.1:${broker.ports.tls}`;
    const { readFileSync } = await import('node:fs');
    const ca = readFileSync(`${keys}/ca.pem`);
    const certificate = (name: string) => ({
      cert: readFileSync(`${keys}/${name}.pem`),
      key: readFileSync(`${keys}/${name}.key`),
    });
    const byPassword = await connectAs(url, 'cam2', { ca });
    const byCertificate = await connectAs(url, undefined, { ca, clientId: 'cam1', ...certificate('ca-cam1') });
    await byCertificate.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    expect([byPassword.connected, byCertificate.connected]).toEqual([true, true]);
    const refused = (clientId: string, options: object) =>
      expect(connectAs(url, undefined, { ca, clientId, ...options })).rejects.toThrow(/[Nn]ot authorized/);
    await refused('cam2', certificate('ca-cam1'));
    await refused('nobody', certificate('ca-nobody'));
    await refused('cam1', certificate('stranger-cam1'));
    await refused('cam1', {});
    await expect(connectAs(url, 'cam1', { ca, password: 'wrong' })).rejects.toThrow(/Bad user/i);
  });

  it('says what is wrong with its files', async () => {
    const keys = await makeKeys();
    const tls = { host: '127.0.0.1', port: 0, certFile: `${keys}/ca-broker.pem`, keyFile: `${keys}/none.key` };
    await expect(startBroker({ tls })).rejects.toMatchObject({ code: 'config-unreadable' });
    await expect(startBroker({ tls: { ...tls, keyFile: `${keys}/stranger.key` } })).rejects.toMatchObject({
      code: 'config-invalid',
    });
  });
});

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithProgram } from '../fixtures.js';
import { field, Program, until } from './demo-run.js';
import { Listener } from './listener.js';
import { endProgram, Site } from './site.js';
import { EVERY_FRAME, writePersonModel } from './stand-in-models.js';

/** Keys and certificates of a small authority, in the folder of a site. */
class Authority {
  readonly #site: Site;
  readonly #name: string;

  constructor(site: Site, name: string) {
    this.#site = site;
    this.#name = name;
    this.#openssl(
      ...['req', '-x509', ...this.#newKey(name), '-days', '2', '-subj', `/CN=${name}`, '-out', `${name}.pem`],
    );
  }

  get caFile(): string {
    return this.#site.path(`${this.#name}.pem`);
  }

  /** Signs a certificate. @returns where it and its key lie, as a configuration names them. */
  sign(subject: string, extension = 'basicConstraints=CA:FALSE'): { certFile: string; keyFile: string } {
    const base = `${this.#name}-${subject}`;
    writeFileSync(this.#site.path('extension'), `${extension}\n`);
    this.#openssl('req', ...this.#newKey(base), '-subj', `/CN=${subject}`, '-out', `${base}.csr`);
    this.#openssl(
      ...['x509', '-req', '-in', `${base}.csr`, '-CA', `${this.#name}.pem`, '-CAkey', `${this.#name}.key`],
      ...['-CAcreateserial', '-days', '2', '-extfile', 'extension', '-out', `${base}.pem`],
    );
    return { certFile: this.#site.path(`${base}.pem`), keyFile: this.#site.path(`${base}.key`) };
  }

  #newKey(name: string): string[] {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#site.dir, stdio: 'pipe' });
  }
}

describeWithProgram('openssl', 'nodes that reach their broker over TLS and WebSocket', () => {
  let site: Site;
  let home: Authority;
  let stranger: Authority;
  let listener: Listener;
  let cameras: Readonly<Record<string, unknown>>;
  let model: Readonly<Record<string, unknown>>;

  /** Starts a node whose connection is given in full. */
  function node(name: string, url: string, siteMore: object, edgeMore: object): Program {
    const sections = site.edgeSections(name, cameras, { model, passwordFile: undefined, ...edgeMore });
    return site.edgeWith(name, { ...sections, site: { brokers: [url], ...siteMore } });
  }

  const isOnline = (name: string) => field(listener.last('status', { node: name }), 'state') === 'online';
  const passwordFile = (name: string) => site.path(`${name}.password`);

  beforeAll(async () => {
    site = new Site();
    home = new Authority(site, 'home');
    stranger = new Authority(site, 'stranger');
    for (const name of ['cam1', 'cam3', 'cam4']) await site.addUser(name, 'node');
    const { code } = await site.run('broker', 'passwd', site.path('users'), 'cam2', '--role', 'node', '--certificate');
    expect(code).toBe(0);
    const keys = home.sign('broker', 'subjectAltName=IP:127.0.0.1');
    await site.startBroker({
      tls: { host: '127.0.0.1', port: 0, ...keys, clientCaFile: home.caFile },
      websocket: { host: '127.0.0.1', port: 0 },
    });
    // Whoever listens does so over TLS as well: the port for everybody must hear what came in by the others.
    listener = new Listener(['-h', '127.0.0.1', '-p', `${site.ports.tls}`, '--cafile', home.caFile], () => site.said());
    site.keep('listener', listener.program);
    const path = site.path('picture.jpg');
    await sharp({ create: { width: 160, height: 120, channels: 3, background: '#667788' } }).toFile(path);
    cameras = { front: { source: { driver: 'file', path, fps: 5 }, ...EVERY_FRAME } };
    model = { path: writePersonModel(site.dir) };
  }, 60_000);

  afterAll(() => site?.close());

  const tls = () => `mqtts://127.0.0.1:${site.ports.tls}`;

  it.each<[string, string, () => Program]>([
    [
      'a password over TLS',
      'cam1',
      () => node('cam1', tls(), { caFile: home.caFile }, { passwordFile: passwordFile('cam1') }),
    ],
    ['a client certificate', 'cam2', () => node('cam2', tls(), { caFile: home.caFile }, home.sign('cam2'))],
    [
      'a password over WebSocket',
      'cam3',
      () => node('cam3', `ws://127.0.0.1:${site.ports.websocket}`, {}, { passwordFile: passwordFile('cam3') }),
    ],
  ])(
    'with %s a node is online and delivers',
    async (_, name, start) => {
      const edge = start();
      await listener.waitFor(`${name} is online`, () => isOnline(name));
      await listener.waitFor('its records', () => listener.tracks(name, 'front').some(({ ev }) => ev === 'new'));
      await listener.waitFor('its picture', () => listener.heard('snapshot', { node: name }).length > 0);
      expect(await endProgram(edge)).toBe(0);
      await listener.waitFor('its stop', () => field(listener.last('status', { node: name }), 'state') === 'stopped');
    },
    60_000,
  );

  it.each<[string, () => Program, RegExp]>([
    [
      'a broker of another authority is not spoken to',
      () => node('cam4', tls(), { caFile: stranger.caFile }, { passwordFile: passwordFile('cam4') }),
      /certificate/i,
    ],
    [
      'nor one with no authority known',
      () => node('cam4', tls(), {}, { passwordFile: passwordFile('cam4') }),
      /certificate/i,
    ],
    [
      'nor one whose certificate is of another host',
      () =>
        node(
          'cam4',
          `mqtts://localhost:${site.ports.tls}`,
          { caFile: home.caFile },
          { passwordFile: passwordFile('cam4') },
        ),
      /altnames|localhost/i,
    ],
    [
      'a certificate of another authority is no login',
      () => node('cam2', tls(), { caFile: home.caFile }, stranger.sign('cam2')),
      /user name or password|not authori[sz]ed/i,
    ],
    [
      'nor is one of somebody else',
      () => node('cam4', tls(), { caFile: home.caFile }, home.sign('cam3')),
      /user name or password|not authori[sz]ed/i,
    ],
  ])(
    '%s; the node says why and goes on trying',
    async (_, start, says) => {
      const before = listener.heard('status').length;
      const edge = start();
      await until(
        () => `it says why: ${edge.errors.join('\n')}`,
        () => edge.errors.some((line) => line.includes('"level":40') && says.test(line)),
        20_000,
      );
      expect(edge.isOver).toBe(false);
      expect(await endProgram(edge)).toBe(0);
      expect(listener.heard('status').length).toBe(before);
    },
    45_000,
  );

  it('a reader without TLS hears nothing on the port of TLS', async () => {
    const plain = new Program('mosquitto_sub', [
      ...['-h', '127.0.0.1', '-p', `${site.ports.tls}`, '-W', '3', '-t', 'vedette/#'],
    ]);
    site.keep('plain', plain);
    expect(await plain.exit).not.toBe(0);
    expect(plain.lines).toEqual([]);
  });
});

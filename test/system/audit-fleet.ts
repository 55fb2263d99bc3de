import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../protocol/codec.js';
import { AuditRecord } from '../../protocol/record.js';
import { Claims } from '../../protocol/sharing.js';
import { CLI, Program } from './demo-run.js';
import type { Listener } from './listener.js';
import type { Site } from './site.js';

const HARNESS = resolve('test/system');
const MODELS = resolve('edge/models');
const NAME = 'vedette-sim';

/** What a node is started with that makes it wrong. */
export type Fault = {
  /** Changes the manifest beside a copy of the model: what it says of its own file stays true. */
  readonly manifest?: (manifest: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  /** What `faulty-runtime.mjs` does to the weights once they are in memory. */
  readonly weights?: 'flipped' | 'otherWeights';
  /** The camera gives a few old pictures over and over. */
  readonly isStuck?: boolean;
};

const AnyManifest = z.looseObject({});

/** Nodes that audit each other, each with a simulated camera. */
export class AuditFleet {
  readonly #site: Site;
  readonly #brokerUrl: () => string;
  readonly #passwordFile: (node: string) => string;

  constructor(site: Site, brokerUrl: () => string, passwordFile: (node: string) => string) {
    this.#site = site;
    this.#brokerUrl = brokerUrl;
    this.#passwordFile = passwordFile;
  }

  start(node: string, fault: Fault = {}): Program {
    const config = this.configOf(node, fault);
    const more = fault.weights === undefined ? [] : this.#spoilt(fault.weights);
    const args = [...more, process.execPath, CLI, 'edge', '--config', config, '--state', this.#site.folder(node)];
    return this.#site.keep(node, new Program('env', args));
  }

  /** Writes the configuration of a node, for one that somebody else starts. @returns its path. */
  configOf(node: string, fault: Fault = {}): string {
    const stuck = { argv: [process.execPath, resolve(HARNESS, 'looping-camera.mjs'), node] };
    const source = {
      driver: 'sim',
      seed: node,
      widthPx: 480,
      heightPx: 360,
      fps: 3,
      ...(fault.isStuck === true ? stuck : {}),
    };
    const edge = {
      node,
      passwordFile: this.#passwordFile(node),
      timing: { beatMs: 1000, healthMs: 2000 },
      cameras: { front: { source, snapshot: { enabled: false } } },
      sharing: { audits: true },
      ...(fault.manifest === undefined ? {} : { model: { path: this.changeManifest(node, fault.manifest) } }),
    };
    return this.#site.writeConfig(node, { site: { brokers: [this.#brokerUrl()] }, edge });
  }

  /** Puts another manifest beside the model of a node that has a copy of its own. @returns the path of the model. */
  changeManifest(node: string, change: NonNullable<Fault['manifest']>): string {
    const folder = this.#site.folder(`${node}-model`);
    const path = `${folder}/${NAME}.onnx`;
    copyFileSync(`${MODELS}/${NAME}.onnx`, path);
    const manifest = AnyManifest.parse(parseJson(readFileSync(`${MODELS}/${NAME}.manifest.json`, 'utf8')));
    writeFileSync(`${folder}/${NAME}.manifest.json`, JSON.stringify(change(manifest)));
    return path;
  }

  #spoilt(weights: string): string[] {
    const options = `--import=${resolve(HARNESS, 'faulty-runtime.mjs')}`;
    return [`NODE_OPTIONS=${options}`, `VEDETTE_TEST_WEIGHTS=${weights}`];
  }
}

export type HeardAudit = AuditRecord & { readonly author: string };

/** Every audit record on `live`, each once. */
export function auditsHeard(listener: Listener, authors: readonly string[]): HeardAudit[] {
  return authors.flatMap((author) => {
    const seen = new Map<string, HeardAudit>();
    for (const record of listener.records(author)) {
      const audit = AuditRecord.safeParse(record);
      if (audit.success) seen.set(`${record.epoch}/${record.s}`, { ...audit.data, author });
    }
    return [...seen.values()];
  });
}

/** Whom a node doubts, by its newest claims. */
export function doubtsOf(listener: Listener, node: string): Claims['doubts'] {
  const claims = Claims.safeParse(listener.last('claims', { node }));
  return claims.success ? claims.data.doubts : [];
}

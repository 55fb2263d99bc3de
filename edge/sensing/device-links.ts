import type { Clock } from '../../base/clock.js';
import { readPublicFile } from '../../base/link/site-link.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { readSecretFile } from '../../base/secret-file.js';
import type { MqttSensor } from './config.js';
import { DeviceLink } from './device-link.js';

export type DeviceLinksOptions = {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** One connection per broker and user, however many sensors read there; closed when the last one lets go. */
export class DeviceLinks {
  readonly #options: DeviceLinksOptions;
  readonly #links = new Map<string, DeviceLink>();

  constructor(options: DeviceLinksOptions) {
    this.#options = options;
  }

  /** @throws OperationError `credentials-invalid` if the password or the certificate cannot be read. */
  async acquire({ url, username, passwordFile, caFile }: MqttSensor): Promise<DeviceLink> {
    const key = [url, username, passwordFile, caFile].map((part) => part ?? '').join(' ');
    const password = passwordFile === undefined ? undefined : await readSecretFile(passwordFile);
    const tls = caFile === undefined ? {} : { ca: await readPublicFile(caFile) };
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const { node, clock, random, log } = this.#options;
    // Not the node's own name: at the broker of its site that one is taken.
    const clientId = `${node}-devices-${random.int(0xffff_ffff).toString(36)}`;
    const common = { clock, random, log: log.child({ devices: url }) };
    const link = new DeviceLink({ ...common, url, clientId, username, password, tls });
    this.#links.set(key, link);
    return link;
  }

  async release(link: DeviceLink): Promise<void> {
    if (link.isUsed) return;
    for (const [key, known] of this.#links) if (known === link) this.#links.delete(key);
    await link.close();
  }
}

import { connectAsync, type MqttClient } from 'mqtt';
import { decodePayload, parseJson } from '../../protocol/codec.js';
import { buildFilter, buildTopic, matchTopic, routes } from '../../protocol/routes.js';
import type { Offer } from '../../protocol/sharing.js';

/** A payload as it is: nothing is checked before it is sent. */
export type Sent = Readonly<Record<string, unknown>> | string | Uint8Array;

export type PeerOffer = Offer & { readonly from: string };
export type PeerAnswer = { readonly from: string; readonly id: unknown; readonly ok: unknown; readonly code: unknown };

/** A node's identity in other hands: it is online, claims what it likes, and says whatever it wants. */
export class HostilePeer {
  readonly name: string;
  readonly #client: MqttClient;
  /** Offers it was asked, and answers it was given. */
  readonly offers: PeerOffer[] = [];
  readonly answers: PeerAnswer[] = [];
  #manner: (offer: PeerOffer) => readonly Sent[] = () => [];

  private constructor(name: string, client: MqttClient) {
    this.name = name;
    this.#client = client;
    client.on('error', () => {});
    client.on('message', (topic, payload) => this.#hear(topic, payload));
  }

  static async open(port: number, name: string, password: string): Promise<HostilePeer> {
    const login = { clientId: name, username: name, password };
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, login);
    const peer = new HostilePeer(name, client);
    const own = [routes.offer, routes.boxes].map((route) => buildFilter('vedette', route, { recipient: name }));
    await client.subscribeAsync(own, { qos: 1 });
    const status = { v: 1, state: 'online', gen: 1, sid: 'x', inv: 'x', boot: 'x', version: '0' };
    await peer.tell('status', status);
    return peer;
  }

  /** Answers every offer with these payloads of `boxes`, one after the other. */
  answerWith(manner: (offer: PeerOffer) => readonly Sent[]): void {
    this.#manner = manner;
  }

  /** Something of itself, retained. */
  tell(kind: 'status' | 'claims', payload: Sent): Promise<void> {
    return this.#send(buildTopic('vedette', routes[kind], { node: this.name }), payload, true);
  }

  /** To another one, as itself. */
  to(recipient: string, kind: 'offer' | 'boxes' | 'audit' | 'verdict', payload: Sent): Promise<void> {
    return this.#send(buildTopic('vedette', routes[kind], { recipient, sender: this.name }), payload, false);
  }

  close(): Promise<void> {
    return this.#client.endAsync(true);
  }

  async #send(topic: string, payload: Sent, retain: boolean): Promise<void> {
    const isPlain = typeof payload === 'string' || payload instanceof Uint8Array;
    await this.#client.publishAsync(topic, Buffer.from(isPlain ? payload : JSON.stringify(payload)), {
      qos: 1,
      retain,
    });
  }

  #hear(topic: string, payload: Uint8Array): void {
    const match = matchTopic('vedette', topic);
    const from = match?.params.sender ?? '';
    if (match?.name === 'offer') {
      const offer = { ...decodePayload(routes.offer, payload), from };
      this.offers.push(offer);
      for (const answer of this.#manner(offer)) void this.to(from, 'boxes', answer);
    } else if (match?.name === 'boxes') {
      const { id, ok, code } = Object(parseJson(Buffer.from(payload).toString()));
      this.answers.push({ from, id, ok, code });
    }
  }
}

/** Head and picture as an offer has them on the wire. */
export function pictured(head: unknown, picture: Uint8Array | string): Uint8Array {
  return Buffer.concat([
    Buffer.from(`${typeof head === 'string' ? head : JSON.stringify(head)}\n`),
    Buffer.from(picture),
  ]);
}

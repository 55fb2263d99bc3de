import { z } from 'zod';
import { type Route, routes, TOPIC_MAJOR } from './routes.js';

const ENCODING_WORDS = {
  json: 'json',
  text: 'text',
  bytes: 'bytes',
  picture: 'json, a line feed, then a JPEG',
} as const;

/** One JSON Schema per route, by file name, with how the message travels; what other programs check payloads against. */
export function exportSchemas(): ReadonlyMap<string, object> {
  const files = new Map<string, object>();
  for (const [name, route] of Object.entries<Route>(routes)) {
    if (route.encoding === 'bytes') continue;
    const schema = z.toJSONSchema(route.schema, {
      target: 'draft-2020-12',
      io: 'input',
      // The picture of a `picture` route, which is no JSON.
      unrepresentable: route.encoding === 'picture' ? 'any' : 'throw',
    });
    files.set(`${kebab(name)}.schema.json`, {
      title: name,
      $comment: `${topicOf(route)}; QoS ${route.qos}; ${route.retain ? 'retained' : 'not retained'}; at most ${route.payloadBytesMax} bytes; writer: ${route.writer}; ${ENCODING_WORDS[route.encoding]}`,
      ...schema,
    });
  }
  return files;
}

function topicOf({ pattern, isForeign }: Route): string {
  return isForeign === true ? pattern : `<root>/${TOPIC_MAJOR}/${pattern}`;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

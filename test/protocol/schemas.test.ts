import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exportSchemas } from '../../protocol/schema-export.js';

// `npm run schemas` writes the files anew.
describe('docs/schemas', () => {
  const schemas = exportSchemas();

  it.each([...schemas])('%s is what the code checks payloads against', async (file, schema) => {
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(`../../docs/schemas/${file}`);
  });

  it('holds no file that belongs to no route', () => {
    expect(readdirSync('docs/schemas').filter((file) => !schemas.has(file))).toEqual([]);
  });
});

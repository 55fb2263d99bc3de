import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { loadConfig, serviceSchema } from '../../base/config.js';
import { BrokerConfig } from '../../broker/config.js';
import { EdgeFile } from '../../edge/config.js';
import { MonitorFile } from '../../monitor/config.js';

const FOLDER = 'deploy/examples';
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  'broker.yaml': serviceSchema({ broker: BrokerConfig }),
  'node.yaml': EdgeFile,
  'monitor.yaml': MonitorFile,
};

describe('deploy/examples', () => {
  it.each(readdirSync(FOLDER))('%s is a configuration its service takes', async (file) => {
    const schema = SCHEMAS[file];
    expect(schema, `a service that reads ${file}`).toBeDefined();
    if (schema === undefined) return;
    await expect(loadConfig({ path: join(FOLDER, file), schema, env: {} })).resolves.toMatchObject({
      site: { name: 'farm' },
    });
  });
});

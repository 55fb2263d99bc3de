import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { loadConfig, serviceSchema } from '../../base/config.js';
import { BrokerConfig } from '../../broker/config.js';
import { EdgeFile } from '../../edge/config.js';
import { MonitorConfig, MonitorFile, planEntriesOf } from '../../monitor/config.js';

const FOLDER = 'deploy/examples';
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  'broker.yaml': serviceSchema({ broker: BrokerConfig }),
  'node.yaml': EdgeFile,
  'monitor.yaml': MonitorFile,
};

describe('deploy/examples', () => {
  it('show a monitor with everything an inventory can say', async () => {
    const { monitor } = await loadConfig({ path: join(FOLDER, 'monitor.yaml'), schema: MonitorFile, env: {} });
    const used = new Set(Object.values(monitor.nodes).flatMap((node) => Object.keys(node)));
    expect([...used]).toEqual(expect.arrayContaining(['site', 'board', 'unit', 'group', 'dependencies', 'reboot']));
    // What can be said and is not shown: TLS client certificates, as in broker.yaml.
    const shown = Object.keys(monitor);
    const possible = Object.keys(MonitorConfig.shape).filter((key) => !['certFile', 'keyFile'].includes(key));
    expect(possible.filter((key) => !shown.includes(key))).toEqual([]);
    expect(planEntriesOf(monitor).map(({ node, unit }) => [node, unit])).toEqual([
      ['barn', 'vedette-edge@barn.service'],
      ['gate', 'vedette-edge@gate.service'],
      ['yard', 'vedette-edge@yard.service'],
      ['lens', 'vedette-edge@yard-cam.service'],
      ['main', 'vedette-broker.service'],
    ]);
  });

  it.each(readdirSync(FOLDER))('%s is a configuration its service takes', async (file) => {
    const schema = SCHEMAS[file];
    expect(schema, `a service that reads ${file}`).toBeDefined();
    if (schema === undefined) return;
    await expect(loadConfig({ path: join(FOLDER, file), schema, env: {} })).resolves.toMatchObject({
      site: { name: 'farm' },
    });
  });
});

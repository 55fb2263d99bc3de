import { describe, expect, it } from 'vitest';
import { parseConfig, serviceSchema } from '../../../base/config.js';
import { BrokerConfig } from '../../../broker/config.js';
import { type DemoOptions, planDemo } from '../../../cli/demo/demo-plan.js';
import { EdgeFile } from '../../../edge/config.js';
import { MonitorFile } from '../../../monitor/config.js';

const OPTIONS: DemoOptions = { nodes: 3, json: false, port: 1883, stateDir: '/tmp/demo', seed: '7' };

function fileOf(plan: ReturnType<typeof planDemo>, name: string): string {
  const file = plan.files.find(({ path }) => path.endsWith(`/${name}.yaml`));
  if (file === undefined) throw new Error(`no ${name}.yaml`);
  return file.text;
}

describe('the plan of the demo', () => {
  const plan = planDemo(OPTIONS, 1883);

  it('starts the broker first, then the monitor, the nodes, the sensor board and a camera without a detector', () => {
    const names = plan.services.map(({ name }) => name);
    expect(names).toEqual(['broker', 'monitor', 'cam1', 'cam2', 'cam3', 'sensors', 'porch']);
  });

  it('writes configurations that the services accept', () => {
    const read = { path: 'demo', env: {} };
    const edge = parseConfig(fileOf(plan, 'cam2'), { ...read, schema: EdgeFile }).edge;
    expect(edge.cameras.yard?.source).toMatchObject({ driver: 'sim', seed: '7-2' });
    expect(edge.sharing).toMatchObject({ sources: true, audits: true });
    const monitor = parseConfig(fileOf(plan, 'monitor'), { ...read, schema: MonitorFile }).monitor;
    expect(Object.keys(monitor.nodes)).toEqual(['cam1', 'cam2', 'cam3', 'sensors']);
    const broker = parseConfig(fileOf(plan, 'broker'), {
      ...read,
      schema: serviceSchema({ broker: BrokerConfig }),
    }).broker;
    expect(broker.anonymousRead).toBe(true);
    expect(broker.tcp).toMatchObject({ host: '127.0.0.1', port: 1883 });
  });

  it('gives every identity a password file of its own', () => {
    const files = plan.identities.map(({ passwordFile }) => passwordFile);
    expect(new Set(files).size).toBe(files.length);
    const roles = plan.identities.map(({ role }) => role);
    expect(roles).toEqual(['node', 'node', 'node', 'node', 'source', 'monitor', 'operator']);
  });

  it('shows one real camera and another model to every node when asked', () => {
    const real = planDemo({ ...OPTIONS, camera: 'file:/x/clip.mjpeg', model: '/x/m.onnx' }, 1883);
    const { edge } = parseConfig(fileOf(real, 'cam3'), { path: 'demo', env: {}, schema: EdgeFile });
    expect(edge.cameras.street?.source).toMatchObject({ driver: 'file', path: '/x/clip.mjpeg' });
    expect(edge.model.path).toBe('/x/m.onnx');
  });

  it('starts no broker where one is named, and takes the passwords from the folder named', () => {
    const foreign = planDemo({ ...OPTIONS, brokerUrl: 'mqtt://10.0.0.5', credentialsDir: '/etc/secrets' }, 0);
    expect(foreign.services.map(({ kind }) => kind)).not.toContain('broker');
    expect(foreign.usersFile).toBeUndefined();
    expect(foreign.sources).toEqual([]);
    expect(foreign.brokerUrl).toBe('mqtt://10.0.0.5');
    expect(foreign.identities[0]?.passwordFile).toBe('/etc/secrets/cam1.password');
  });

  it('has results checked where three are there to do it', () => {
    const audits = (nodes: number) => {
      const few = planDemo({ ...OPTIONS, nodes }, 1883);
      const { edge } = parseConfig(fileOf(few, 'cam1'), { path: 'demo', env: {}, schema: EdgeFile });
      return [few.audits, edge.sharing.audits];
    };
    expect([audits(2), audits(3)]).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it('has room for sixteen nodes with different cameras', () => {
    const { cameras } = planDemo({ ...OPTIONS, nodes: 16 }, 1883);
    expect(cameras.size).toBe(16);
    expect(new Set(cameras.values()).size).toBe(16);
  });
});

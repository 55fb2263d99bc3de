import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { siteLinkOptions } from '../../base/link/site-link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';

const parts = { clock: new SystemClock(), random: new Random('site'), log: silentLog };
const site = { name: 'site', root: 'vedette', brokers: ['mqtts://127.0.0.1:8883'] };

describe('siteLinkOptions', () => {
  it.each([
    ['authority', { ...site, caFile: '/nowhere/ca.pem' }, {}],
    ['certificate', site, { certFile: '/nowhere/cert.pem' }],
    ['password', site, { passwordFile: '/nowhere/password' }],
  ])('names a file of the %s that is not there, as a fault of the configuration', async (_, where, files) => {
    await expect(siteLinkOptions(where, 'cam1', files, parts)).rejects.toMatchObject({
      code: 'credentials-invalid',
      exitCode: 78,
      message: expect.stringContaining('/nowhere/'),
    });
  });
});

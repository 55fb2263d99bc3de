import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { HealthFile, healthText } from '../../../edge/health/health-file.js';

const PULSE = { invocation: 'a'.repeat(32), gen: 7, isConnected: true, frameAgeMs: 12.4, inferAgeMs: null };

describe('the health file of a node', () => {
  it('is lines of KEY=VALUE that a shell can read', () => {
    expect(healthText(PULSE, 1234.6)).toBe(
      `inv=${'a'.repeat(32)}\ngen=7\nmqtt=1\nframe_age_ms=12\ninfer_age_ms=-\nmono_ms=1235\n`,
    );
  });

  it('leaves out an invocation that no systemd made', () => {
    expect(healthText({ ...PULSE, invocation: 'x' }, 1)).not.toContain('inv=');
  });

  it('is written by progress, at most once a second', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'vedette-health-'));
    const clock = new SimulatedClock();
    const file = new HealthFile(dir, clock, silentLog);
    let asked = 0;
    const pulse = () => ({ ...PULSE, gen: ++asked });
    for (let i = 0; i < 8; i++) {
      file.progress(pulse);
      await clock.advance(250);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await expect.poll(() => readFileSync(join(dir, 'health'), 'utf8')).toContain('gen=2');
    expect(asked).toBe(2);
    rmSync(dir, { recursive: true });
  });
});

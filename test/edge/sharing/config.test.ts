import { describe, expect, it } from 'vitest';
import { SharingConfig, settingsOf } from '../../../edge/sharing/config.js';
import { Id } from '../../../protocol/ids.js';

describe('the settings of a source', () => {
  const config = SharingConfig.parse({ bySource: { yard: { objects: { labels: ['person'] } } } });

  it('are its own, or those of all', () => {
    expect(settingsOf(config, 'yard')).toBe(config.bySource.yard);
    expect(settingsOf(config, 'gate')).toBe(config.sourceSettings);
  });

  it('are those of all for one that is called as something every object has', () => {
    expect(Id.safeParse('constructor').success).toBe(true);
    expect(settingsOf(config, 'constructor')).toBe(config.sourceSettings);
  });
});

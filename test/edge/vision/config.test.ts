import { describe, expect, test } from 'vitest';
import { VisionSettings } from '../../../edge/vision/config.js';

const issues = (settings: unknown) =>
  VisionSettings.safeParse(settings).error?.issues.map((issue) => `${issue.path.join('.')} ${issue.code}`) ?? [];

describe('vision settings', () => {
  test('are complete without a word, and the same when parsed again', () => {
    const settings = VisionSettings.parse({});
    expect(VisionSettings.parse(settings)).toEqual(settings);
    expect(settings.objects.labels).toContain('person');
    expect(settings.zones).toEqual({});
  });

  test('keep the other defaults of a section when one is given', () => {
    const settings = VisionSettings.parse({ tracker: { missedMsMax: 100 }, objects: { filter: { areaMin: 0.1 } } });
    expect(settings.tracker).toEqual({ ...VisionSettings.parse({}).tracker, missedMsMax: 100 });
    expect(settings.objects.filter.ratioMax).toBe(VisionSettings.parse({}).objects.filter.ratioMax);
  });

  test('report all faults at once, each with its path', () => {
    const faulty = {
      motion: { threshold: 1, speed: 3 },
      objects: { labels: [], perLabel: { car: { scoreMin: 2 } } },
      zones: {
        gate: {
          polygon: [
            [0, 0],
            [1, 1],
          ],
        },
      },
      tracker: { hitsMin: 1.5 },
    };
    expect(issues(faulty).sort()).toEqual([
      'motion unrecognized_keys',
      'motion.threshold too_small',
      'objects.labels too_small',
      'objects.perLabel.car.scoreMin too_big',
      'tracker.hitsMin invalid_type',
      'zones.gate.polygon too_small',
    ]);
  });

  test('hold zones to names that fit a record, and to 16 of them', () => {
    const zone = {
      polygon: [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
    };
    expect(issues({ zones: { 'Front Gate': zone } })).not.toEqual([]);
    const zones = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`zone-${i}`, zone]));
    expect(issues({ zones: zones(16) })).toEqual([]);
    expect(issues({ zones: zones(17) })).toEqual(['zones custom']);
  });

  test('take points in fractions of the picture only', () => {
    expect(
      issues({
        motion: {
          masks: [
            [
              [0, 0],
              [640, 0],
              [640, 480],
            ],
          ],
        },
      }),
    ).toContain('motion.masks.0.1.0 too_big');
  });
});

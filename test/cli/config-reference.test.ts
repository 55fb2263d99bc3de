import { describe, expect, it } from 'vitest';
import { listSettings, renderReference } from '../../cli/config/config-reference.js';

// `npm run schemas` writes the file anew.
describe('the configuration reference', () => {
  const sections = listSettings();

  it('in docs/ is what the schemas say', async () => {
    await expect(renderReference(sections)).toMatchFileSnapshot('../../docs/configuration-reference.md');
  });

  it('has no setting twice in a section', () => {
    for (const { section, settings } of sections) {
      const paths = settings.map(({ path }) => path);
      expect(
        paths.filter((path, i) => paths.indexOf(path) !== i),
        section,
      ).toEqual([]);
    }
  });

  it('says what is allowed for each setting', () => {
    const silent = sections.flatMap(({ section, settings }) =>
      settings.filter(({ allowed }) => allowed === '').map(({ path }) => `${section} ${path}`),
    );
    expect(silent).toEqual([]);
  });
});

import { readConfig } from '../../src/platform/config.js';
import { armFailpoint, failpoint, failpoints } from '../../src/platform/failpoint.js';

it('does nothing unless it is armed', () => {
  for (const name of [...failpoints.api, ...failpoints.worker]) failpoint(name);
});

it.each(['nothing', 'after-archive-before-commit:0', 'after-archive-before-commit:x', ''])(
  'cannot be armed as %j',
  (setting) => {
    expect(() => armFailpoint(setting)).toThrow('unknown failpoint');
  },
);

it('that does not exist keeps a process from starting', () => {
  const env = { DATABASE_URL: 'postgres://a@b/c', TIDEMARK_SECRET: 'x'.repeat(32), TIDEMARK_FAILPOINT: 'nothing' };
  expect(() => readConfig(env)).toThrow(/TIDEMARK_FAILPOINT.*unknown failpoint/);
});

import eslint from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Every folder of src, and which of the others it may import from. Downwards only; the pure core at the bottom. */
const mayImport = {
  formats: [],
  analysis: ['formats'],
  platform: ['analysis', 'formats'],
  tenants: ['platform', 'analysis', 'formats'],
  archive: ['platform', 'analysis', 'formats'],
  catalog: ['platform', 'analysis', 'formats'],
  ingest: ['catalog', 'archive', 'tenants', 'platform', 'analysis', 'formats'],
  query: ['catalog', 'archive', 'tenants', 'platform', 'analysis', 'formats'],
  runtime: ['catalog', 'tenants', 'platform', 'analysis', 'formats'],
  leaks: ['catalog', 'tenants', 'platform', 'analysis', 'formats'],
  // It reads local files as the parser process does; those modules are plain functions.
  cli: [
    'analysis',
    'formats',
    'ingest/parse.ts',
    'ingest/parts',
    'ingest/parsed-part.ts',
    'ingest/native-inflate.ts',
    'platform/moment.ts',
  ],
};

const zones = Object.entries(mayImport).map(([folder, allowed]) => ({
  target: `./src/${folder}`,
  from: './src',
  except: [folder, ...allowed].map((name) => `./${name}`),
  message: `src/${folder} may import from ${['itself', ...allowed].join(', ')} only (docs/architecture.md, Layout).`,
}));

const environment = {
  object: 'process',
  property: 'env',
  message: 'The environment is read in src/platform/config.ts, once, with all its faults reported together.',
};

/** What the pure core may not know: the world it runs in. */
const impure = [
  'process',
  'console',
  'performance',
  'Buffer',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'require',
];

export default tseslint.config(
  { ignores: ['dist/', 'data/', 'coverage/', 'node_modules/', 'test/fixtures/', 'test/workloads/', 'bench/go/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })] },
    rules: {
      'no-undef': 'off', // the compiler knows better
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true, allowRegExp: true },
      ],
      '@typescript-eslint/require-await': 'off', // what keeps an asynchronous contract need not itself wait
      'import-x/no-cycle': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      'no-restricted-properties': ['error', environment],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['**/index.js'], message: 'Import from the file itself: no barrels.' }] },
      ],
    },
  },
  {
    // The two that hand the environment on: the reader of the configuration, and the command line, which has flags too.
    files: ['src/platform/config.ts', 'src/cli.ts'],
    rules: {
      'no-restricted-properties': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off', // commander types what a user typed as any
    },
  },
  {
    // Maintenance works on the server's own database and archive; the command line loads it only when it is asked for.
    files: ['src/cli/maintenance.ts', 'src/cli/outside.ts'],
    rules: { 'import-x/no-restricted-paths': 'off' },
  },
  {
    files: ['src/formats/**/*.ts', 'src/analysis/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(?!\\.{1,2}/|(pako|re2js)$)',
              message: 'The pure core imports nothing but itself, pako and re2js: bytes in, value out.',
            },
            { group: ['**/index.js'], message: 'Import from the file itself: no barrels.' },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        ...impure.map((name) => ({ name, message: 'The pure core knows no surroundings.' })),
      ],
      'no-restricted-properties': [
        'error',
        environment,
        { object: 'Date', property: 'now', message: 'The pure core has no clock.' },
        { object: 'Math', property: 'random', message: 'The pure core gives the same answer every time.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'The pure core has no clock.' },
      ],
    },
  },
  {
    // Answers over HTTP are unknown to the compiler; a test says what they are by expecting it.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['bin/*.js'], languageOptions: { sourceType: 'commonjs', globals: { __dirname: 'readonly' } } },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['process', 'console', 'performance', 'Buffer', 'URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder'],
          ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'fetch', 'AbortSignal'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);

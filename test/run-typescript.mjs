import { register } from 'node:module';

// node --import ./test/run-typescript.mjs src/some-entry-point.ts
register('./typescript-loader.mjs', import.meta.url);

import { swcOptions } from './test/swc-options.mjs';

/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/node-environment.mjs',
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.(spec|test).ts'],
  extensionsToTreatAsEsm: ['.ts'],
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', swcOptions] },
  maxWorkers: 2,
  workerIdleMemoryLimit: '512MB',
  testTimeout: 60_000,
};

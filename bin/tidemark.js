#!/usr/bin/env node
'use strict';
/*
 * Starts the command line that build/command-line.mjs made: one file, with the bytecode that V8 compiled from it then.
 * Bytecode of another version of V8 is refused by it, and the file is compiled as any other.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const file = join(__dirname, '../dist/command-line/tidemark.cjs');
const script = new Script(readFileSync(file, 'latin1'), {
  filename: file,
  cachedData: readFileSync(`${file}.bytecode`),
});
script.runInThisContext()(require, (name) => import(`../dist/${name}`));

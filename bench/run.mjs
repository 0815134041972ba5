// npm run bench [NAME…]: runs the named benchmarks, or all.
const all = [
  ...['decode', 'profile-text', 'goroutine-dump', 'runtime-logs', 'exectrace', 'cli-top'],
  ...['ingest', 'index-size', 'queries', 'suspects', 'leak-ranking'],
];
const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : all) {
  if (!all.includes(name)) throw new Error(`no benchmark ${name}; there are ${all.join(', ')}`);
  await import(`./${name}.mjs`);
}

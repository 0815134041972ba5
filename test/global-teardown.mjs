import './run-typescript.mjs';

const { removeServer } = await import('./database-server.ts');

export default async function tearDown() {
  await removeServer(process.env.TIDEMARK_TEST_FOLDER);
}

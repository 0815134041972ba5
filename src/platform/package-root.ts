import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, migrations/ and dist/; the same seen from src/platform and from dist/platform. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

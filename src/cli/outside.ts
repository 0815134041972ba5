/*
 * What runs the service or works on its database is no part of the bundled command line: there, build/command-line.mjs
 * puts in place of this file one that asks bin/tidemark.js for these modules.
 */
export const loadUp = () => import('../up.js');
export const loadMaintenance = () => import('./maintenance.js');

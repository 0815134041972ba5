import { Command, CommanderError, Option } from 'commander';
import { connect, type Connect } from './cli/connection.js';
import { exitCodes, isCliFailure } from './cli/failure.js';
import { loadMaintenance, loadUp } from './cli/outside.js';
import { terminal } from './cli/terminal.js';

/*
 * The command line. A command loads its own code only when it runs: what reads a local file needs neither Nest, TypeORM
 * nor a database, and starts in the time that Node takes.
 */

const program = new Command('tidemark')
  .description('Keeps the diagnostic snapshots of Go services and shows what holds their memory.')
  .option('--url <url>', 'address of the server (TIDEMARK_URL)')
  .option('--key <key>', 'API key (TIDEMARK_KEY); seen by other users of this machine, so better in the environment')
  .showHelpAfterError('(tidemark --help shows how it is used)')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text) });

const server: Connect = () => connect(program.opts(), process.env);

program
  .command('up')
  .description('run the service: embedded PostgreSQL, API and worker (npm start)')
  .option('--port <port>', 'where the API listens (TIDEMARK_PORT)')
  .option('--data <folder>', 'data folder (TIDEMARK_DATA)')
  .action(async (options: { port?: string; data?: string }) => {
    if (options.port !== undefined) process.env.TIDEMARK_PORT = options.port;
    if (options.data !== undefined) process.env.TIDEMARK_DATA = options.data;
    const { up } = await loadUp();
    await up();
  });

program
  .command('migrate')
  .description('bring the database of MIGRATION_DATABASE_URL up to this version')
  .action(async () => (await loadMaintenance()).runMigrations(terminal));

program
  .command('reindex')
  .description('rebuild the index from the archive, of one tenant or of all')
  .option('--tenant <name>', 'only this tenant')
  .action(async (options: { tenant?: string }) => (await loadMaintenance()).reindexArchive(options, terminal));

program
  .command('push <file...>')
  .description('upload files ("-" is standard input) and wait until they are indexed')
  .requiredOption('--service <name>', 'the Go program they come from')
  .option('--kind <kind>', 'what they are; found out if not given')
  .option('--instance <name>', 'pod or host')
  .option('--captured-at <time>', 'when they were captured; by default what they say themselves')
  .option('--build <version>', 'version of the program')
  .option('--git-sha <sha>', 'commit of the program')
  .option('--ci-build <id>', 'CI build of the program')
  .option('--capture-ms <millis>', 'how long the capture took')
  .option('--team <name>', 'owner, if the service is new')
  .option('--env <name>', 'environment, such as production')
  .option('--label <name=value>', 'a label; may be given again', (value, all: string[]) => [...all, value], [])
  .option('--capture', 'the files are one capture: taken together, accepted together or not at all')
  .option('--wait <seconds>', 'how long to wait for each; 0 does not wait', '30')
  .option('--json', 'print JSON')
  .action(async (files, options) => (await import('./cli/push.js')).push(server(), files, options, terminal));

withRange(
  withStacks(program.command('top <file|id|service>').description('what holds the most, like go tool pprof -top')),
)
  .addOption(new Option('--by <what>', 'what a row is').choices(['function', 'line', 'file', 'package']))
  .addOption(new Option('--sort <column>', 'order of the rows').choices(['flat', 'cum']))
  .option('-n, --limit <rows>', 'at most so many rows')
  .action(async (target, options) => (await import('./cli/top.js')).printTop(server, target, options, terminal));

withRange(withStacks(program.command('flame <file|id|service>').description('the flame graph as a tree')))
  .addOption(new Option('--by <what>', 'what a box is').choices(['function', 'line']))
  .option('--max-nodes <boxes>', 'at most so many boxes')
  .action(async (target, options) => (await import('./cli/stacks.js')).printFlame(server, target, options, terminal));

withStacks(
  program.command('folded <file|id>').description('one stack per line, for flamegraph.pl and speedscope'),
  false,
).action(async (target, options) => (await import('./cli/stacks.js')).printFolded(server, target, options, terminal));

program
  .command('inspect <file|folder|id>')
  .description('what it is, what it holds, what is odd about it; of a folder every file, a line each')
  .option('--json', 'print JSON')
  .action(async (target, options) => (await import('./cli/inspect.js')).inspect(server, target, options, terminal));

program
  .command('trace <file|id>')
  .description('an execution trace: who was blocked where and woken by whom, scheduler latency, collections, tasks')
  .option('--goroutine <id>', 'what it did, and what happened before its longest block')
  .option('--before <moment>', 'what happened before a time since the start (1.5s) or of day (RFC 3339)')
  .option('--window <duration>', 'how long before (50ms)')
  .option('-n, --limit <rows>', 'at most so many rows in each table, or events in the window')
  .option('--json', 'print JSON')
  .action(async (target, options) => (await import('./cli/trace.js')).printTrace(server, target, options, terminal));

withLog(
  program.command('gc <log>').description('the GC cycles of a log with GODEBUG=gctrace=1 ("-" is standard input)'),
)
  .option('--cycle <number>', 'also the phases of this cycle')
  .action(async (log, options) => (await import('./cli/gc.js')).printGc(log, options, terminal));

withLog(
  program
    .command('sched <log>')
    .description('the scheduler in a log with GODEBUG=schedtrace=N ("-" is standard input)'),
).action(async (log, options) => (await import('./cli/sched.js')).printSched(log, options, terminal));

withRange(
  withStacks(program.command('diff <base> <target>').description('what changed, like go tool pprof -diff_base')),
)
  .addOption(new Option('--by <what>', 'what a row is').choices(['function', 'line', 'file', 'package']))
  .addOption(new Option('--sort <column>', 'order of the rows').choices(['flat', 'cum']))
  .option('-n, --limit <rows>', 'at most so many rows')
  .option('--base-from <time>', 'range of the base, if it is a service')
  .option('--base-to <time>', 'range of the base, if it is a service')
  .option('--base-build <version>', 'build of the base, if it is a service')
  .action(async (base, target, options) =>
    (await import('./cli/stacks.js')).printDiff(server, [base, target], options, terminal),
  );

program
  .command('goroutines <file|id|service>')
  .description('who waits for what: goroutines in groups; of a service over time')
  .addOption(new Option('--by <what>', 'what makes a group').choices(['stack', 'site', 'created-by', 'state', 'label']))
  .option('--label <key>', 'with --by label: the label whose values make the groups')
  .option('--state <state>', 'only goroutines in this state, such as "chan receive"')
  .option('--category <category>', 'only states of this category, such as channel, sync, io')
  .option('--min-wait <minutes>', 'only goroutines that wait for so long')
  .option('--focus <regexp>', 'only stacks with a matching frame')
  .option('--base <file|id>', 'what changed since another capture')
  .option('-n, --limit <groups>', 'at most so many groups; 0 shows all')
  .option('--kind <kind>', 'of a service: goroutine, goroutine-dump, goroutineleak')
  .option('--from <time>', 'of a service: such as -1h, 2026-11-23T15:00:00Z')
  .option('--to <time>', 'of a service: such as now')
  .option('--instance <name>', 'of a service: one pod or host')
  .option('--build <version>', 'of a service: one build')
  .option('--step <duration>', 'of a service: such as 1m, 1h, 1d')
  .option('--json', 'print JSON')
  .action(async (target, options) =>
    (await import('./cli/goroutines-command.js')).printGoroutinesOf(server, target, options, terminal),
  );

withRange(program.command('trends <service>').description('how a total, or one function, moves over time'))
  .option('--sample-type <type>', 'which number, such as inuse_space')
  .option('--function <name>', 'one function instead of the total')
  .addOption(new Option('--value <value>', 'of the function').choices(['flat', 'cum']))
  .addOption(new Option('--stat <stat>', 'of each step').choices(['mean', 'last', 'max']))
  .addOption(new Option('--by <what>', 'a series each').choices(['instance', 'build']))
  .option('--step <duration>', 'such as 1m, 1h, 1d')
  .option('--json', 'print JSON')
  .action(async (service, options) =>
    (await import('./cli/trends.js')).printTrend(server(), service, options, terminal),
  );

withMoments(program.command('runtime <service|file...>').description('memory, collections, scheduler over time'))
  .addOption(new Option('--stat <stat>', 'of each step').choices(['mean', 'last', 'max']))
  .addOption(new Option('--by <what>', 'a line each').choices(['instance']))
  .option('--step <duration>', 'such as 1m, 1h, 1d')
  .action(async (targets, options) =>
    (await import('./cli/runtime.js')).printRuntime(server, targets, options, terminal),
  );

withMoments(
  program.command('findings <service|file...>').description('what an engineer should look at, with its numbers'),
).action(async (targets, options) =>
  (await import('./cli/runtime.js')).printFindings(server, targets, options, terminal),
);

withMoments(program.command('verdict <service|file|folder...>').description('why the memory grows')).action(
  async (targets, options) => (await import('./cli/runtime.js')).printVerdict(server, targets, options, terminal),
);

program
  .command('leaks <file|folder...>')
  .description('what of one service leaks, ranked and explained; of several instances, a folder each')
  .addOption(new Option('--kind <kind>', 'only suspects of this kind').choices(['goroutine', 'heap', 'off-heap']))
  .option('--from <time>', 'only snapshots from then on: such as 2026-11-23T15:00:00Z, or -6h before the last one')
  .option('--to <time>', 'only snapshots before then')
  .option('-n, --limit <suspects>', 'at most so many suspects; 0 shows all')
  .option('--all', 'say as much of suspects to watch as of the others')
  .addOption(
    new Option('--fail-on <tier>', 'end with 3 if a suspect is as sure').choices(['watch', 'probable', 'confirmed']),
  )
  .option('--json', 'print JSON')
  .action(async (targets, options) => (await import('./cli/leaks.js')).printLeaks(targets, options, terminal));

program
  .command('suspects [service]')
  .description('what leaks, the surest first: of a service, of a team, or of all')
  .option('--team <name>', 'what this team owns')
  .option('--state <states>', 'open, acknowledged, resolved, ignored; divided by commas')
  .addOption(new Option('--tier <tier>', 'how sure').choices(['confirmed', 'probable', 'watch']))
  .addOption(new Option('--kind <kind>', 'what leaks').choices(['goroutine', 'heap', 'off-heap']))
  .option('--function <text>', 'only functions whose path has this in it')
  .option('--assignee <name>', 'only what is assigned to')
  .option('-n, --limit <rows>', 'at most so many rows; by default all')
  .option('--json', 'print JSON')
  .action(async (service, options) =>
    (await import('./cli/suspects.js')).listSuspects(server(), service, options, terminal),
  );

program
  .command('suspect <id>')
  .description('one suspect with all its reasons; with options, what is to become of it')
  .option('--acknowledge', 'somebody looks after it')
  .option('--resolve [build]', 'it is fixed: from now on, or in this build')
  .option('--ignore [until]', 'say nothing of it: "forever" (the default), "+50%", or until a date')
  .option('--reopen', 'it is open again')
  .option('--assign <name>', 'who looks after it; "" for nobody')
  .option('--team <name>', 'who owns it; "" for whom the owner rules name')
  .option('--comment <text>', 'kept in its history')
  .option('--json', 'print JSON')
  .action(async (id, options) => (await import('./cli/suspects.js')).showSuspect(server(), id, options, terminal));

const keys = program.command('keys').description('API keys of the tenant');
keys
  .command('list', { isDefault: true })
  .description('all keys, never the secrets')
  .option('--json', 'print JSON')
  .action(async (options) => (await import('./cli/tenancy.js')).listKeys(server(), options, terminal));
keys
  .command('create <name>')
  .description('make a key; it is shown only once')
  .addOption(
    new Option('--role <role>', 'what it may do').choices(['ingest', 'read', 'ci', 'admin']).makeOptionMandatory(),
  )
  .option('--team <name>', 'narrow it to one team')
  .option('--operator', 'may create tenants (with --role admin)')
  .option('--expires-at <time>', 'when it ends (RFC 3339)')
  .option('--json', 'print JSON')
  .action(async (name, options) => (await import('./cli/tenancy.js')).createKey(server(), name, options, terminal));
keys
  .command('revoke <id>')
  .description('end a key for good')
  .action(async (id) => (await import('./cli/tenancy.js')).revokeKey(server(), id, terminal));

const tenants = program.command('tenants').description('organisations (for operators)');
tenants
  .command('list', { isDefault: true })
  .option('--json', 'print JSON')
  .action(async (options) => (await import('./cli/tenancy.js')).listTenants(server(), options, terminal));
tenants
  .command('create <name>')
  .description('make a tenant; its first admin key is shown only once')
  .option('--json', 'print JSON')
  .action(async (name, options) => (await import('./cli/tenancy.js')).createTenant(server(), name, options, terminal));

const teams = program.command('teams').description('teams of the tenant');
teams
  .command('list', { isDefault: true })
  .option('--json', 'print JSON')
  .action(async (options) => (await import('./cli/tenancy.js')).listTeams(server(), options, terminal));
teams
  .command('create <name>')
  .option('--json', 'print JSON')
  .action(async (name, options) => (await import('./cli/tenancy.js')).createTeam(server(), name, options, terminal));

const services = program.command('services').description('services and who owns them');
services
  .command('list', { isDefault: true })
  .option('--json', 'print JSON')
  .action(async (options) => (await import('./cli/tenancy.js')).listServices(server(), options, terminal));
services
  .command('owner <service> <team>')
  .description('give a service to a team')
  .option('--json', 'print JSON')
  .action(async (service, team, options) =>
    (await import('./cli/tenancy.js')).setOwner(server(), service, team, options, terminal),
  );

function withStacks(command: Command, json = true): Command {
  command
    .option('--sample-type <type>', 'which number, such as inuse_space; by default the one that pprof shows')
    .option('--focus <regexp>', 'only stacks with a matching frame')
    .option('--ignore <regexp>', 'no stacks with a matching frame')
    .option('--hide <regexp>', 'leave matching frames out')
    .option('--show <regexp>', 'leave all other frames out');
  return json ? command.option('--json', 'print JSON') : command;
}

function withMoments(command: Command): Command {
  return command
    .option('--from <time>', 'of a service: such as -1h, 2026-11-23T15:00:00Z')
    .option('--to <time>', 'of a service: such as now')
    .option('--instance <name>', 'of a service: one pod or host')
    .option('--json', 'print JSON');
}

function withLog(command: Command): Command {
  return command
    .option('--from <duration>', 'only what happened so long after the start of the process, such as 90s')
    .option('--to <duration>', 'only what happened before')
    .option(
      '--captured-at <time>',
      'when its last line was written, where lines have no time; by default that of the file',
    )
    .option('--process-start <time>', 'when the process started')
    .option('--utc-offset <offset>', 'of times that name no zone, such as +02:00')
    .option('--json', 'print JSON');
}

function withRange(command: Command): Command {
  return command
    .option('--kind <kind>', 'of a service: which profiles (heap)')
    .option('--from <time>', 'of a service: such as -1h, 2026-11-23T15:00:00Z')
    .option('--to <time>', 'of a service: such as now')
    .option('--instance <name>', 'of a service: one pod or host')
    .option('--build <version>', 'of a service: one build')
    .option('--env <name>', 'of a service: one environment');
}

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  else if (isCliFailure(error)) {
    process.stderr.write(`tidemark: ${error.message}\n`);
    process.exitCode = exitCodes[error.reason];
  } else {
    process.stderr.write(
      `tidemark: this is a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = exitCodes.software;
  }
});

// The one way in: npm scripts call `node scripts/bootstrap.mjs <command> [args]`.
// Plain JavaScript with no dependency, because it runs before anything is installed, and on Node 20.
// It installs what the command needs, says so on stderr, and hands over to Node 24. Stdout belongs to the command.

const oldest = 20;
if (Number(process.versions.node.split('.')[0]) < oldest) {
  console.error(
    `sluice: this is Node ${process.versions.node}; install Node ${oldest} or newer and try again`,
  );
  process.exit(1);
}
if (process.platform === 'win32') {
  console.error('sluice: Linux and macOS are supported; on Windows, run this inside WSL');
  process.exit(1);
}

// Imported after the checks, so that an old Node gets a sentence, not a syntax error.
const { runCommand } = await import('./bootstrap/commands.mjs');
process.exitCode = await runCommand(process.argv[2], process.argv.slice(3));

/**
 * The frame of every bench: reads its options, or prints the usage if asked. Reports a fault in one line (with
 * `--debug` as it was thrown) and in the exit code.
 */
export async function runBench<Options>(
  readOptions: (args: string[]) => Options | 'help',
  usage: string,
  bench: (options: Options) => Promise<void>,
): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === 'help') console.log(usage);
    else await bench(options);
  } catch (error) {
    console.error(error instanceof Error && !process.argv.includes('--debug') ? error.message : error);
    process.exitCode = 1;
  }
}

// The command line without the process around it: the arguments in, text and an exit code out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { packageRoot } from "../core/paths.ts";
import { COMMANDS } from "./commands.ts";
import { describeFailure } from "./failure.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

/**
 * Runs one command to its end; only that command is loaded. A failure is a message on stderr and an exit code of 1.
 *
 * @param args What follows the program's name.
 */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = new Command("moco-search")
    .description("Similar-image search that you train yourself.")
    .version(version)
    .showHelpAfterError("(add --help for the options and an example)");
  try {
    // `moco-search help train` needs train too.
    const asked = args.find((word) => !word.startsWith("-") && word !== "help");
    for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
      const command = name === asked ? (await load()).command : new Command(name);
      program.addCommand(command.summary(summary));
    }
    for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
      command.exitOverride(); // the process ends by itself, with all of its output written
    }
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) console.error(describeFailure(error)); // commander has said it itself
    process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  }
}

#!/usr/bin/env node
// moco-search: the command line. Only the command that is called is loaded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { packageRoot } from "../core/paths.ts";
import { COMMANDS } from "./commands.ts";
import { describeFailure } from "./failure.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

const program = new Command("moco-search")
  .description("Similar-image search that you train yourself.")
  .version(version)
  .showHelpAfterError("(add --help for the options and an example)");

// `moco-search … | head` closes our stdout, which is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  // `moco-search help train` needs train too.
  const asked = process.argv.slice(2).find((word) => !word.startsWith("-") && word !== "help");
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = name === asked ? (await load()).command : new Command(name);
    program.addCommand(command.summary(summary));
  }
  await program.parseAsync();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = 1;
}

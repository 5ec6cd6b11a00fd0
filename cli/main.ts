#!/usr/bin/env node
// moco-search: one command for each thing a user does. Only the command that is asked for is loaded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { AppError } from "../core/errors.ts";
import { packageRoot } from "../core/paths.ts";
import { COMMANDS } from "./commands.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

const program = new Command("moco-search")
  .description("Similar-image search that you train yourself.")
  .version(version)
  .showHelpAfterError("(add --help for the options and an example)");

try {
  // `moco-search help train` asks for train too.
  const asked = process.argv.slice(2).find((word) => !word.startsWith("-") && word !== "help");
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = name === asked ? (await load()).command : new Command(name);
    program.addCommand(command.summary(summary));
  }
  await program.parseAsync();
} catch (error) {
  // What the user can mend is told in a sentence; anything else is a defect and shows where it happened.
  if (error instanceof AppError) console.error(`moco-search: ${error.message} (${error.code})`);
  else console.error("moco-search: this should not have happened; please report it.\n", error);
  process.exitCode = 1;
}

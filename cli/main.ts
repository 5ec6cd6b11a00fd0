#!/usr/bin/env node
// moco-search: one command for each thing a user does.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { AppError } from "../core/errors.ts";
import { packageRoot } from "../core/paths.ts";
import { ablate } from "./ablate.ts";
import { activate } from "./activate.ts";
import { add } from "./add.ts";
import { demo } from "./demo.ts";
import { embed } from "./embed.ts";
import { evaluate } from "./evaluate.ts";
import { exportCommand } from "./export.ts";
import { index } from "./index-command.ts";
import { keys } from "./keys.ts";
import { rollback } from "./rollback.ts";
import { search } from "./search.ts";
import { serve } from "./serve.ts";
import { train } from "./train.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

const program = new Command("moco-search")
  .description("Similar-image search that you train yourself.")
  .version(version)
  .showHelpAfterError("(add --help for the options and an example)")
  .addCommand(demo)
  .addCommand(train)
  .addCommand(evaluate)
  .addCommand(exportCommand)
  .addCommand(add)
  .addCommand(ablate)
  .addCommand(serve)
  .addCommand(index)
  .addCommand(search)
  .addCommand(embed)
  .addCommand(activate)
  .addCommand(rollback)
  .addCommand(keys);

try {
  await program.parseAsync();
} catch (error) {
  // What the user can mend is told in a sentence; anything else is a defect and shows where it happened.
  if (error instanceof AppError) console.error(`moco-search: ${error.message} (${error.code})`);
  else console.error("moco-search: this should not have happened; please report it.\n", error);
  process.exitCode = 1;
}

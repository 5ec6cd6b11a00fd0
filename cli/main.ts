#!/usr/bin/env node
// moco-search: the command line.
import { runProgram } from "./program.ts";

// `moco-search … | head` closes our output, which is no error.
for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}

await runProgram(process.argv.slice(2));

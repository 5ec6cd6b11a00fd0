#!/usr/bin/env -S node --max-semi-space-size=8
// moco-search: the command line.
import { runProgram } from "./program.ts";

const isClosed = ({ code }: NodeJS.ErrnoException) => code === "EPIPE";

// `moco-search … | head` closes our stdout, which is no error. Where nobody reads stderr any more, work goes on: a
// training whose server has died still keeps its checkpoint.
process.stdout.on("error", (error) => {
  if (!isClosed(error)) throw error;
  process.exit(0);
});
process.stderr.on("error", (error) => {
  if (!isClosed(error)) throw error;
});

await runProgram(process.argv.slice(2));

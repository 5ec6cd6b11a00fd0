// Replays reference runs of MoCo in PyTorch and prints how far our results are from theirs.
//
//   npm run --silent parity -- test/fixtures/moco-v1.safetensors
import { readFile } from "node:fs/promises";
import { AppError } from "../core/errors.ts";
import { type ParityReport, replay, TOLERANCES } from "../training/index.ts";

const files = process.argv.slice(2);
try {
  if (files.length === 0 || files.some((file) => file.startsWith("-"))) {
    throw new AppError(
      "invalid_request",
      "Expected reference runs: npm run parity -- <file.safetensors…>. Files for a try are in test/fixtures.",
    );
  }
  const runs: Array<{ file: string } & ParityReport> = [];
  for (const file of files) runs.push({ file, ...(await replay(await read(file))) });
  const passed = runs.every((run) => run.passed);
  console.log(JSON.stringify({ passed, runs, tolerances: TOLERANCES }, null, 2));
  if (!passed) process.exitCode = 1;
} catch (error) {
  if (error instanceof AppError) console.error(`parity: ${error.message} (${error.code})`);
  else console.error("parity: this should not have happened; please report it.\n", error);
  process.exitCode = 1;
}

async function read(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error) => {
    throw new AppError("invalid_request", `Expected a reference run at ${file} but it cannot be read.`, {
      cause: error,
    });
  });
}

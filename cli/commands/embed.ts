// moco-search embed: embeds image files with a running server.
//
//   moco-search embed photos/ --out photos.npy
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { pMapIterable } from "p-map";
import { AppError } from "../../core/errors.ts";
import { describeLeftOut, type FoundFile } from "../../core/find-images.ts";
import { findImageFiles, nameEach, readImageFile } from "../image-files.ts";
import { showProgress } from "../progress.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

interface Flags extends ServerFlags {
  readonly out?: string;
  readonly json?: true;
}

/** Requests at a time. Each has one file, so that a broken file fails alone. */
const CONCURRENCY = 32;

/** `moco-search embed`. */
export const command = new Command("embed")
  .description(
    "Embeds image files with the active model of a running server. Prints a line of JSON for each, { file, embedding }, or { file, error } where it cannot be embedded; or writes a float32 matrix [files, D] that NumPy reads.",
  )
  .argument("<images...>", "image files or folders of them")
  .option("--out <file.npy>", "write a NumPy file, and its files' names one a line to <file.npy>.txt")
  .option("--json", "print JSON lines (that is the default without --out)")
  .addHelpText("after", "\nExample:\n  $ moco-search embed photos/ --out photos.npy");
for (const option of serverOptions()) command.addOption(option);
command.action(async (images: string[], { out, json, ...server }: Flags) => {
  if (out !== undefined && !out.endsWith(".npy")) {
    throw new AppError("invalid_configuration", `Expected a name that ends with .npy but received ${out}.`);
  }
  const client = connect(server);
  const { files, leftOut } = findImageFiles(images);
  if (leftOut.length > 0) console.error(`${files.length + leftOut.length} entries, ${describeLeftOut(leftOut)}.`);
  nameEach(leftOut);
  const progress = showProgress("embedding", "images");
  const rows: Array<{ file: string; embedding: readonly number[] }> = [];
  let failed = 0;
  const tell = async (line: object) => {
    if ((json || out === undefined) && !process.stdout.write(`${JSON.stringify(line)}\n`))
      await once(process.stdout, "drain");
  };
  const embedOne = async ({ path }: FoundFile) => {
    try {
      const { embeddings } = await client.embedImages([await readImageFile(path)]);
      return { file: path, embedding: embeddings[0]! };
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "not_ready" || error.code === "unauthorized") throw error;
      return { file: path, error: { code: error.code, detail: error.message } };
    }
  };
  let done = 0;
  for await (const answer of pMapIterable(files, embedOne, { concurrency: CONCURRENCY })) {
    if ("error" in answer) failed++;
    else if (out !== undefined) rows.push(answer);
    if ("error" in answer && out !== undefined) progress.say(`${answer.file}: ${answer.error.detail}`);
    await tell(answer);
    progress.update(++done, files.length);
  }
  progress.stop();
  if (out !== undefined) {
    await writeFile(out, npy(rows.map(({ embedding }) => embedding)));
    await writeFile(`${out}.txt`, rows.map(({ file }) => `${file}\n`).join(""));
    console.error(`Wrote ${rows.length} embeddings to ${out}.`);
  }
  if (failed > 0) process.exitCode = 1;
});

/** Encodes a matrix as a NumPy file of version 1.0 (numpy.lib.format): float32, row by row. */
export function npy(rows: readonly (readonly number[])[]): Uint8Array {
  const shape = `(${rows.length}, ${rows[0]?.length ?? 0})`;
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10;
  const begin = Buffer.from(`\x93NUMPY\x01\x00..${dictionary.padEnd(length - 1)}\n`, "latin1");
  begin.writeUInt16LE(length, 8);
  return Buffer.concat([begin, new Uint8Array(Float32Array.from(rows.flat()).buffer)]);
}

// moco-search work: embeds for the swaps of servers that share a storage, without answering anybody.
import { Command } from "commander";
import { parseConfig } from "../../server/index.ts";
import { showProgress } from "../progress.ts";
import { stopSignal } from "../stop-signal.ts";

/** `moco-search work`: a worker, until Ctrl-C or SIGTERM. */
export const command = new Command("work")
  .description(
    "Embeds images while the servers of a database swap models, as they do themselves, and answers nobody: for machines that are to compute and nothing else. Start any number of them, and stop them whenever you like; what one has borrowed the others take over. Each option can also be set by an environment variable, such as MOCO_SEARCH_DATABASE.",
  )
  .option("--database <url>", "PostgreSQL that the servers share: postgres://…")
  .option("--files <place>", "where the servers' files are: s3://bucket/prefix or file:/path")
  .option("--device <name>", "where the encoder computes: auto, cpu, webgpu, cuda, coreml or dml (default: cpu)")
  .option("--threads <number>", "threads of the encoder (default: all cores)")
  .option("--log-level <level>", "silent, fatal, error, warn, info, debug or trace, on stderr (default: warn)")
  .addHelpText(
    "after",
    "\nExample:\n  $ moco-search work --database postgres://host/moco --files s3://bucket/prefix --device cuda",
  )
  .action(async (flags: Readonly<Record<string, unknown>>) => {
    const { work } = await import("../../server/cluster/worker.ts");
    const config = parseConfig(flags, process.env);
    const stop = new AbortController();
    const stopped = stopSignal().then(() => stop.abort());
    const progress = showProgress("embedding", "images");
    let shown = "";
    const onProgress = (model: string, { done, total }: { done: number; total: number }) => {
      const now = `${model} ${done}/${total}`;
      if (now !== shown) progress.update(done, total, model);
      shown = now;
    };
    console.log("Waiting for swaps. Press Ctrl-C to stop.");
    try {
      await work(config, { signal: stop.signal, onProgress });
    } finally {
      progress.stop();
    }
    await stopped;
  });

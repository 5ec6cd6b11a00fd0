// moco-search backup: a copy of everything that a server has stored, also while it runs.
import { resolve } from "node:path";
import { Command } from "commander";
import { backUp } from "../../server/storage/backup.ts";
import { sayCopied } from "../copied.ts";
import { dataOption } from "../data-option.ts";
import { showProgress } from "../progress.ts";

interface Flags {
  readonly data: string;
  readonly json?: true;
}

/** `moco-search backup`. */
export const command = new Command("backup")
  .description(
    "Copies a data folder, which a server may be using meanwhile, into a new folder: images, metadata, embeddings, API keys, the models in use and which of them answers. Each file is compared with its SHA-256. Indexes are left out; they are built anew.",
  )
  .argument("<folder>", "where to write the backup: a new folder, or an empty one")
  .addOption(dataOption())
  .option("--json", "print what was copied as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search backup /mnt/backups/2026-11-25 --data ./data")
  .action(async (folder: string, { data, json }: Flags) => {
    const progress = showProgress("backing up", "files");
    const report = await backUp(data, folder, (done, total) => progress.update(done, total)).finally(progress.stop);
    sayCopied(report, { json, headline: `${data} is backed up in ${resolve(folder)}` });
  });

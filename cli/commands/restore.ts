// moco-search restore: a data folder from a backup.
import { resolve } from "node:path";
import { Command } from "commander";
import { restore } from "../../server/storage/backup.ts";
import { sayCopied } from "../copied.ts";
import { dataOption } from "../data-option.ts";
import { showProgress } from "../progress.ts";

interface Flags {
  readonly data: string;
  readonly json?: true;
}

/** `moco-search restore`. */
export const command = new Command("restore")
  .description(
    "Makes a data folder of a backup: a server that is started on it has the images, the API keys, the model that answered and the one before. The backup is not changed.",
  )
  .argument("<backup>", "folder that moco-search backup wrote")
  .addOption(dataOption())
  .option("--json", "print what was copied as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search restore /mnt/backups/2026-11-25 --data ./restored")
  .action(async (backup: string, { data, json }: Flags) => {
    const progress = showProgress("restoring", "files");
    const report = await restore(backup, data, (done, total) => progress.update(done, total)).finally(progress.stop);
    sayCopied(report, { json, headline: `${resolve(data)} is restored from ${backup}` });
  });

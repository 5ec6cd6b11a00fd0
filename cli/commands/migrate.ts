// moco-search migrate: everything that is stored, from a data folder into PostgreSQL and a file store, or back.
import { Command } from "commander";
import type { MigrationReport } from "../../server/storage/migrate/migrate.ts";
import { showProgress } from "../progress.ts";

/** `moco-search migrate`. */
export const command = new Command("migrate")
  .description(
    "Copies everything that is stored from one place to another: images, metadata, embeddings, models, swaps and keys, as they are; nothing is embedded again. Each place is a data folder, or a PostgreSQL database followed by its files. No server may run on either. It can be interrupted and run again, and ends by comparing both sides by count and SHA-256. The first place stays as it is.",
  )
  .argument("<places...>", "from where, and to where")
  .option("--json", "print the summary as one line of JSON")
  .addHelpText(
    "after",
    `
Examples:
  $ moco-search migrate ./data postgres://host/moco s3://bucket/prefix
  $ moco-search migrate postgres://host/moco s3://bucket/prefix ./data`,
  )
  .action(async (texts: string[], { json }: { json?: true }) => {
    const { migrate, openPlace, parsePlaces } = await import("../../server/storage/migrate/index.ts");
    const [source, target] = parsePlaces(texts);
    const from = await openPlace(source, { mustExist: true });
    let report: MigrationReport;
    try {
      const to = await openPlace(target, { mustExist: false });
      const progress = showProgress("migrating", "rows or files");
      try {
        report = await migrate(from, to, (what, done) => progress.update(done, undefined, what));
      } finally {
        progress.stop();
        await to.close();
      }
    } finally {
      await from.close();
    }
    if (json) return void console.log(JSON.stringify(report));
    const { images, embeddings } = report.rows;
    console.log(
      `Migrated and compared: ${images} images, ${embeddings} embeddings and ${report.files} files of ${(report.bytes / 1e6).toFixed(1)} MB, ${report.copied} of them in this run.`,
    );
  });

// moco-search duplicates: stored images that are the same or nearly the same.
import { Command } from "commander";
import { positiveInteger } from "../numbers.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

interface Flags extends ServerFlags {
  readonly threshold?: number;
  readonly limit: number;
  readonly json?: true;
}

/** `moco-search duplicates`. */
export const command = new Command("duplicates")
  .description(
    "Lists groups of images of a running server that are alike; a group is exact where all have the same bytes.",
  )
  .option(
    "--threshold <score>",
    "cosine similarity from which two images count as duplicates, 0 to 1 (default: measured on the collection)",
    Number,
  )
  .option("--limit <number>", "groups at most", positiveInteger, 100)
  .option("--json", "print a line of JSON for each group")
  .addHelpText("after", "\nExample:\n  $ moco-search duplicates --threshold 0.98");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ threshold, limit, json, ...server }: Flags) => {
  const { groups, total, threshold: used } = await connect(server).findDuplicates({ threshold, limit });
  for (const group of groups) {
    const { similarity, exact, images } = group;
    if (json) console.log(JSON.stringify(group));
    else console.log(`${exact ? "exact " : similarity.toFixed(4)}  ${images.map(({ id }) => id).join("  ")}`);
  }
  if (!json && total === 0)
    console.error(`No image is that much like another (${used.toFixed(4)}). A lower --threshold finds more.`);
  if (!json && total > groups.length) console.error(`and ${total - groups.length} groups more: see --limit`);
});

// moco-search images: lists and deletes stored images.
import { Command } from "commander";
import type { Filter } from "../../client/index.ts";
import { filterObject } from "../json-argument.ts";
import { positiveInteger } from "../numbers.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

interface Flags extends ServerFlags {
  readonly json?: true;
}

/** `moco-search images`. */
export const command = new Command("images")
  .description("Lists and deletes the images of a running server.")
  .addHelpText("after", `\nExample:\n  $ moco-search images list --filter '{"field":"label","eq":"bag"}'`);

const list = command
  .command("list")
  .summary("list images, newest first")
  .option("--limit <number>", "images at most", positiveInteger, 100)
  .option("--filter <json>", "only images whose metadata fits", filterObject)
  .option("--json", "print a line of JSON for each")
  .addHelpText("after", "\nExample:\n  $ moco-search images list --limit 10")
  .action(async ({ limit, filter, json, ...flags }: Flags & { limit: number; filter?: Filter }) => {
    for await (const image of connect(flags).eachImage({ limit, filter })) {
      const { id, width, height, createdAt, metadata } = image;
      if (json) console.log(JSON.stringify(image));
      else console.log(`${id}  ${createdAt}  ${width}×${height}  ${JSON.stringify(metadata)}`);
    }
  });

const remove = command
  .command("delete")
  .summary("delete images by their ids")
  .argument("<ids...>", "ids, as listed")
  .option("--json", "print the ids that are gone as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search images delete 6a1f0c59d2e84b7733c0f1aa")
  .action(async (ids: string[], { json, ...flags }: Flags) => {
    const client = connect(flags);
    for (const id of ids) {
      await client.deleteImage(id);
      if (!json) console.log(`Deleted ${id}.`);
    }
    if (json) console.log(JSON.stringify({ deleted: ids }));
  });

for (const option of serverOptions()) {
  list.addOption(option);
  remove.addOption(option);
}

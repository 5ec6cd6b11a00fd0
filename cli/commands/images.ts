// moco-search images: lists and deletes stored images.
import { Command } from "commander";
import { createClient, type ServerFlags, serverOptions } from "../client.ts";
import { positiveInteger } from "../numbers.ts";

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
  .option("--filter <json>", "only images whose metadata fits")
  .option("--json", "print a line of JSON for each")
  .addHelpText("after", "\nExample:\n  $ moco-search images list --limit 10")
  .action(async ({ server, key, json, ...options }: Flags & { limit: number; filter?: string }) => {
    for await (const image of createClient(server, key).images(options)) {
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
  .addHelpText("after", "\nExample:\n  $ moco-search images delete 3q2-7wAAAAAAAAAA")
  .action(async (ids: string[], { server, key, json }: Flags) => {
    const client = createClient(server, key);
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

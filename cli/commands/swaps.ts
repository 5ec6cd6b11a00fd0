// moco-search swaps: lists a server's swaps and their outcomes.
import { Command } from "commander";
import { createClient, type ServerFlags, serverOptions } from "../client.ts";
import { positiveInteger } from "../numbers.ts";

/** `moco-search swaps`. */
export const command = new Command("swaps")
  .description("Lists the swaps of a running server, newest first.")
  .option("--limit <number>", "swaps at most", positiveInteger, 20)
  .option("--json", "print a line of JSON for each")
  .addHelpText("after", "\nExample:\n  $ moco-search swaps --limit 5");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ server, key, limit, json }: ServerFlags & { limit: number; json?: true }) => {
  for (const swap of await createClient(server, key).swaps(limit)) {
    const { id, createdAt, kind, state, model, error } = swap;
    if (json) console.log(JSON.stringify(swap));
    else console.log(`${createdAt}  ${id}  ${kind}  ${model.name}  ${state}${error ? `: ${error.detail}` : ""}`);
  }
});

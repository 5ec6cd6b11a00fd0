// moco-search swaps: lists a server's swaps and their outcomes.
import { Command } from "commander";
import { positiveInteger } from "../numbers.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search swaps`. */
export const command = new Command("swaps")
  .description("Lists the swaps of a running server, newest first.")
  .option("--limit <number>", "swaps at most", positiveInteger, 20)
  .option("--json", "print a line of JSON for each")
  .addHelpText("after", "\nExample:\n  $ moco-search swaps --limit 5");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ limit, json, ...server }: ServerFlags & { limit: number; json?: true }) => {
  for (const swap of await connect(server).listSwaps({ limit })) {
    const { id, createdAt, kind, state, model, error } = swap;
    if (json) console.log(JSON.stringify(swap));
    else console.log(`${createdAt}  ${id}  ${kind}  ${model.name}  ${state}${error ? `: ${error.detail}` : ""}`);
  }
});

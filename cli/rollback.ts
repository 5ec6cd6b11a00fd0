// moco-search rollback: undoes the last swap of a running server.
import { Command } from "commander";
import { createClient, type ServerFlags, serverOptions } from "./client.ts";
import { followSwap } from "./swap-command.ts";

/** `moco-search rollback`. */
export const rollback = new Command("rollback")
  .summary("move a running server back to the model before")
  .description("Goes back to the model that answered before the last swap, and follows that to its end.")
  .option("--json", "print the swap's end as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search rollback");
for (const option of serverOptions()) rollback.addOption(option);
rollback.action(async ({ server, key, json }: ServerFlags & { json?: true }) => {
  const client = createClient(server, key);
  await followSwap(client, await client.rollback(), { json });
});

// moco-search rollback: undoes the last swap of a running server.
import { Command } from "commander";
import { createClient, type ServerFlags, serverOptions } from "../client.ts";
import { followSwap } from "../follow-swap.ts";

/** `moco-search rollback`. */
export const command = new Command("rollback")
  .description("Goes back to the model that answered before the last swap, and follows that to its end.")
  .option("--json", "print the swap's end as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search rollback");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ server, key, json }: ServerFlags & { json?: true }) => {
  const client = createClient(server, key);
  await followSwap(client, await client.rollback(), { json });
});

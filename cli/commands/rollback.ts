// moco-search rollback: undoes the last swap of a running server.
import { Command } from "commander";
import { followSwap } from "../follow-swap.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search rollback`. */
export const command = new Command("rollback")
  .description("Goes back to the model that answered before the last swap, and follows that to its end.")
  .option("--json", "print the swap's end as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search rollback");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ json, ...server }: ServerFlags & { json?: true }) => {
  const client = connect(server);
  await followSwap(client, await client.rollback(), { json });
});

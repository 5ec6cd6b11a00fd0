// moco-search approve: lets a swap that waits for approval switch.
import { Command } from "commander";
import { followSwap, swapInReview } from "../follow-swap.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search approve`. */
export const command = new Command("approve")
  .description("Approves the swap that waits on a running server, and follows it to its end.")
  .argument("[swap]", "id of the swap (default: the one that waits)")
  .option("--json", "print the swap's end as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search activate photos --review\n  $ moco-search approve");
for (const option of serverOptions()) command.addOption(option);
command.action(async (id: string | undefined, { json, ...server }: ServerFlags & { json?: true }) => {
  const client = connect(server);
  await followSwap(client, await client.approveSwap(await swapInReview(client, id)), { json });
});

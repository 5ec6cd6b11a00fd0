// moco-search models: lists the models that a server finds.
import { Command } from "commander";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search models`. */
export const command = new Command("models")
  .description("Lists the models that a running server finds: which is active, and why one cannot be used.")
  .option("--json", "print a line of JSON for each")
  .addHelpText("after", "\nExample:\n  $ moco-search models");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ json, ...server }: ServerFlags & { json?: true }) => {
  const { models } = await connect(server).listModels();
  for (const model of models) {
    if (json) console.log(JSON.stringify(model));
    else if (model.state === "invalid") console.log(`${model.name}  invalid: ${model.reason}`);
    else {
      const { dimensions, input, createdAt } = model.card;
      console.log(
        `${model.name}  ${model.state}  ${dimensions} dimensions  ${input.width}×${input.height}  ${createdAt}`,
      );
    }
  }
});

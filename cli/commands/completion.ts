// moco-search completion: completion of commands and options in the shell.
import { Argument, Command } from "commander";
import { COMMANDS } from "../commands.ts";
import { completionScript, SHELLS } from "../completion.ts";

/** `moco-search completion`. */
export const command = new Command("completion")
  .description(
    "Prints a script that completes commands and options when you press Tab. Write it to a file once, and again after an update.",
  )
  .addArgument(new Argument("<shell>", "the shell that reads it").choices(SHELLS))
  .addHelpText(
    "after",
    `
Examples:
  $ moco-search completion bash > ~/.local/share/bash-completion/completions/moco-search
  $ moco-search completion zsh > ~/.zfunc/_moco-search    # with fpath+=~/.zfunc before compinit
  $ moco-search completion fish > ~/.config/fish/completions/moco-search.fish`,
  )
  .action(async (shell: (typeof SHELLS)[number]) => {
    const program = new Command("moco-search").version("0");
    for (const { summary, load } of Object.values(COMMANDS)) {
      program.addCommand((await load()).command.summary(summary));
    }
    console.log(completionScript(shell, program));
  });

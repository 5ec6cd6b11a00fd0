// Completion in the shell, written from commander's own tree of commands.
import type { Command, Option } from "commander";

/** The shells that completion is written for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A command of the tree: what may follow it. */
interface Place {
  /** Names from the program's on, such as ["images", "list"]; empty for the program itself. */
  readonly path: readonly string[];
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
}

/** The program and all commands below it. */
function placesOf(program: Command): Place[] {
  const below = (command: Command, path: readonly string[]): Place[] => {
    const { visibleCommands: commands, visibleOptions: options } = visible(command);
    const named = commands.filter((one) => one.name() !== "help");
    return [{ path, commands, options }, ...named.flatMap((one) => below(one, [...path, one.name()]))];
  };
  return below(program, []);
}

function visible(command: Command) {
  const help = command.createHelp();
  return { visibleCommands: help.visibleCommands(command), visibleOptions: help.visibleOptions(command) };
}

/** Flags of an option, such as ["-k"] or ["--help", "-h"]. */
const flagsOf = ({ long, short }: Option) => [long, short].filter((flag) => flag !== undefined && flag !== null);

/** What follows each place: names, flags, and the choices of options that have some. */
function tablesOf(program: Command) {
  const places = placesOf(program);
  return {
    places,
    /** Keys of the places below the program: "images list". */
    below: places.filter(({ path }) => path.length > 0).map(({ path }) => path.join(" ")),
    choices: places
      .flatMap(({ path, options }) =>
        options.flatMap((option) =>
          flagsOf(option).map((flag) => ({ at: path.join(" "), flag, values: option.argChoices ?? [] })),
        ),
      )
      .filter(({ values }) => values.length > 0),
  };
}

/** Patterns of a shell's `case`: "a" | "b". */
const patterns = (texts: readonly string[]) => texts.map((text) => `"${text}"`).join("|");

/** For `eval "$(moco-search completion bash)"`: commands and flags; files where neither fits. */
function bash(program: Command): string {
  const { places, below, choices } = tablesOf(program);
  // A place below the program is reached by "<place before> <name>", and " <name>" from the program itself.
  const reached = below.map((at) => (at.includes(" ") ? at : ` ${at}`));
  return `# Completion of moco-search for bash.
_moco_search() {
  local word at= current=\${COMP_WORDS[COMP_CWORD]} words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in ${patterns(reached)}) at=\${at:+$at }$word ;; esac
  done
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
${choices.map(({ at, flag, values }) => `    "${at} ${flag}") words="${values.join(" ")}" ;;`).join("\n")}
    *)
      case "$at:$current" in
${places
  .map(
    (place) => `        "${place.path.join(" ")}":-*) words="${place.options.flatMap(flagsOf).join(" ")}" ;;
        "${place.path.join(" ")}":*) words="${place.commands.map((one) => one.name()).join(" ")}" ;;`,
  )
  .join("\n")}
      esac
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _moco_search moco-search`;
}

/** In single quotes, for zsh and fish. A quote in the text becomes a typographic one, as `\'` does not work in both. */
const quoted = (text: string) => `'${text.replaceAll("'", "’")}'`;

/** For `eval "$(moco-search completion zsh)"`, after compinit; also as a file _moco_search in $fpath. */
function zsh(program: Command): string {
  const { places, below, choices } = tablesOf(program);
  const reached = below.map((at) => (at.includes(" ") ? at : ` ${at}`));
  const described = (name: string, text: string) => quoted(`${name.replaceAll(":", "\\:")}:${text}`);
  return `#compdef moco-search
_moco_search() {
  local word at=
  local -a found
  for word in \${words[2,CURRENT-1]}; do
    case "$at $word" in ${patterns(reached)}) at=\${at:+$at }$word ;; esac
  done
  case "$at \${words[CURRENT-1]}" in
${choices.map(({ at, flag, values }) => `    "${at} ${flag}") found=(${values.map(quoted).join(" ")}) ;;`).join("\n")}
    *)
      case "$at:\${words[CURRENT]}" in
${places
  .map(
    (place) => `        "${place.path.join(" ")}":-*) found=(${place.options
      .flatMap((option) => flagsOf(option).map((flag) => described(flag, option.description)))
      .join(" ")}) ;;
        "${place.path.join(" ")}":*) found=(${place.commands.map((one) => described(one.name(), one.summary() || one.description())).join(" ")}) ;;`,
  )
  .join("\n")}
      esac
  esac
  if ((\${#found})); then _describe moco-search found; else _files; fi
}
if [ "$funcstack[1]" = _moco_search ]; then _moco_search "$@"; else compdef _moco_search moco-search; fi`;
}

/** For `moco-search completion fish | source`, or a file in ~/.config/fish/completions. */
function fish(program: Command): string {
  const lines = placesOf(program).flatMap(({ path, commands, options }) => {
    const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
    const names = commands.map((one) => one.name()).join(" ");
    const none = names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`];
    const before = `complete -c moco-search`;
    const when = (conditions: readonly string[]) =>
      conditions.length > 0 ? ` -n ${quoted(conditions.join("; and "))}` : "";
    return [
      ...commands.map(
        (one) =>
          `${before} -f${when([...seen, ...none])} -a ${one.name()} -d ${quoted(one.summary() || one.description())}`,
      ),
      ...options.map((option) => {
        const flags = `${option.long ? ` -l ${option.long.slice(2)}` : ""}${option.short ? ` -s ${option.short.slice(1)}` : ""}`;
        const value = option.argChoices
          ? ` -x -a ${quoted(option.argChoices.join(" "))}`
          : option.required
            ? " -r"
            : "";
        return `${before}${when(path.length > 0 ? seen : none)}${flags}${value} -d ${quoted(option.description)}`;
      }),
    ];
  });
  return ["# Completion of moco-search for fish.", ...lines].join("\n");
}

/** The script that a shell reads, without a newline at its end. */
export function completionScript(shell: (typeof SHELLS)[number], program: Command): string {
  return { bash, zsh, fish }[shell](program);
}

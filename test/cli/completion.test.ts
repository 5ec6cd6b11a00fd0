import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { runCli } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("moco-search completion", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async function () {
    this.timeout(120_000); // loads every command
    ({ folder, remove } = await temporaryFolder());
    const { stdout, code, stderr } = await runCli(["completion", "bash"]);
    assert.equal(code, 0, stderr);
    await writeFile(join(folder, "completion.bash"), stdout);
    await mkdir(join(folder, "photos"));
  });
  after(() => remove());

  /** What bash offers for the last word of a line. */
  const offered = async (...words: string[]): Promise<string[]> => {
    const script = `. ./completion.bash; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _moco_search; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script, "bash", "moco-search", ...words], {
      cwd: folder,
    });
    return stdout.split("\n").filter((line) => line !== "");
  };

  it("offers commands, and those below them", async () => {
    assert.deepEqual(await offered("se"), ["serve", "search"]);
    assert.deepEqual(await offered("images", ""), ["list", "delete", "help"]);
    assert.deepEqual(await offered("help", "ro"), ["rollback"]);
    const commands = await offered("");
    for (const name of ["train", "completion", "keys", "help"]) assert.ok(commands.includes(name), name);
  });

  it("offers the options of the command, also after arguments", async () => {
    assert.deepEqual(await offered("search", "a photo.jpg", "--min"), ["--min-score"]);
    assert.ok((await offered("images", "list", "--")).includes("--filter"));
    assert.ok(!(await offered("images", "delete", "--")).includes("--filter"));
    assert.deepEqual((await offered("--v")).sort(), ["--version"]);
  });

  it("offers the choices of an option, and files where nothing else fits", async () => {
    assert.deepEqual(await offered("keys", "create", "--role", ""), ["read", "write", "admin"]);
    assert.deepEqual(await offered("index", "ph"), []); // bash goes on with files, as the next line asks it to
    const { stdout } = await promisify(execFile)("bash", ["-c", ". ./completion.bash; complete -p moco-search"], {
      cwd: folder,
    });
    assert.equal(stdout.trim(), "complete -o default -F _moco_search moco-search");
  });

  it("is read by bash without a word, and is written for zsh and fish too", async function () {
    this.timeout(120_000);
    const { stdout, stderr } = await promisify(execFile)("bash", ["-eu", join(folder, "completion.bash")]);
    assert.equal(stdout + stderr, "");
    assert.match((await runCli(["completion", "zsh"])).stdout, /^#compdef moco-search$.*'--filter:only images/ms);
    assert.match(
      (await runCli(["completion", "fish"])).stdout,
      /^complete -c moco-search .*__fish_seen_subcommand_from keys; and .*from create' -l role -x -a 'read write admin'/m,
    );
    assert.match((await runCli(["completion", "sh"])).stderr, /Allowed choices are bash, zsh, fish/);
  });
});

// moco-search keys: manages the API keys of a data folder; a server may be using it meanwhile.
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { AppError } from "../../core/errors.ts";
import { ROLES, type Role } from "../../server/domain/api-key.ts";
import { openApiKeys, openSharedApiKeys } from "../../server/storage/open.ts";
import type { ApiKeys } from "../../server/storage/ports.ts";
import { dataOption } from "../data-option.ts";

interface Flags {
  readonly data: string;
  readonly database?: string;
  readonly json?: true;
}

const databaseOption = () =>
  new Option("--database <url>", "the servers' PostgreSQL, in place of a data folder").env("MOCO_SEARCH_DATABASE");

/** Runs `action` with the keys of a folder or a database; only the first key may make a folder. */
async function withKeys<T>(flags: Flags, action: (keys: ApiKeys) => Promise<T>, isNew = false): Promise<T> {
  const { keys, close } =
    flags.database === undefined
      ? await openApiKeys(flags.data, { create: isNew })
      : await openSharedApiKeys(flags.database);
  try {
    return await action(keys);
  } finally {
    await close();
  }
}

/** `moco-search keys`. */
export const command = new Command("keys")
  .description("API keys of a server: read allows searching, write changing images, admin changing the model too.")
  .addHelpText("after", "\nExample:\n  $ moco-search keys create --role write --name importer");

command
  .command("create")
  .summary("make a key and print it, this once")
  .addOption(new Option("--role <role>", "what it allows").choices(ROLES).makeOptionMandatory())
  .option("--name <name>", "what you call it", "")
  .addOption(dataOption())
  .addOption(databaseOption())
  .option("--json", "print the key as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search keys create --role admin")
  .action(async (flags: Flags & { role: Role; name: string }) => {
    const made = await withKeys(flags, (keys) => keys.create(flags.role, flags.name), true);
    const place = flags.database === undefined ? `data in ${resolve(flags.data)}` : "database";
    console.error(`A key of the ${place}. Keep it: it is not stored and cannot be shown again.`);
    console.log(flags.json ? JSON.stringify(made) : made.key);
  });

command
  .command("list")
  .summary("list the keys, without what is secret")
  .addOption(dataOption())
  .addOption(databaseOption())
  .option("--json", "print the list as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search keys list")
  .action(async (flags: Flags) => {
    const all = await withKeys(flags, (keys) => keys.list());
    if (flags.json) console.log(JSON.stringify(all));
    else
      for (const { id, role, createdAt, name } of all) console.log(`${id}  ${role.padEnd(5)}  ${createdAt}  ${name}`);
  });

command
  .command("revoke")
  .summary("refuse a key from now on")
  .argument("<id>", "the key's id, as listed")
  .addOption(dataOption())
  .addOption(databaseOption())
  .option("--json", "print the outcome as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search keys revoke 1f2e3d4c5b6a")
  .action(async (id: string, flags: Flags) => {
    if (!(await withKeys(flags, (keys) => keys.revoke(id)))) {
      throw new AppError("invalid_configuration", `There is no key ${JSON.stringify(id)}. See: moco-search keys list`);
    }
    console.log(flags.json ? JSON.stringify({ revoked: id }) : `Revoked ${id}.`);
  });

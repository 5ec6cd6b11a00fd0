// moco-search/server: a server on a port (`start`), one to mount in an express application of your own
// (`createServer`), and the keys, backups and checks of a data folder.

export { AppError, ERRORS, type ErrorCode } from "../core/errors.ts";
export { type Config, type ConfigFile, type Options, parseConfig } from "./config.ts";
export { type Access, type ApiKeyRecord, ROLES, type Role } from "./domain/api-key.ts";
export { createServer, type MountableServer, type RunningServer, start } from "./main.ts";
export { backUp, restore } from "./storage/backup.ts";
export { check, type Damage } from "./storage/check.ts";
export type { CopyReport } from "./storage/copy-data.ts";
export { openApiKeys, openSharedApiKeys } from "./storage/open.ts";
export type { ApiKeys } from "./storage/ports.ts";

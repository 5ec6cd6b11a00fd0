export { type Config, type ConfigFile, type Options, parseConfig } from "./config.ts";
export { type ApiKeyRecord, ROLES, type Role } from "./domain/api-key.ts";
export { type AppDeps, createApp } from "./http/app.ts";
export { type RunningServer, start } from "./main.ts";
export { backUp, restore } from "./storage/backup.ts";
export { check, type Damage } from "./storage/check.ts";
export type { CopyReport } from "./storage/copy-data.ts";
export { openApiKeys, openSharedApiKeys } from "./storage/open.ts";
export type { ApiKeys } from "./storage/ports.ts";

export { type Config, type ConfigFile, type Options, parseConfig } from "./config.ts";
export { type AppDeps, createApp } from "./http/app.ts";
export { type RunningServer, start } from "./main.ts";
export { type ApiKeyRecord, type ApiKeys, openApiKeys, ROLES, type Role } from "./storage/sqlite/api-keys.ts";
export { DATABASE_FILE } from "./storage/sqlite/database.ts";

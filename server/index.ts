export { type AppDeps, createApp } from "./app.ts";
export { type Config, type ConfigFile, type Options, parseConfig } from "./config.ts";
export { type RunningServer, start } from "./main.ts";
export { type ApiKeyRecord, type ApiKeys, openApiKeys, ROLES, type Role } from "./store/api-keys.ts";

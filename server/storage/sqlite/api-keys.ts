// API keys. Only their SHA-256 is stored: a key has 256 random bits, so a fast hash is enough.
import { randomBytes } from "node:crypto";
import { sha256 } from "../../../core/hash.ts";
import type { ApiKeyRecord, Role } from "../../domain/api-key.ts";
import type { ApiKeys } from "../ports.ts";
import type { SqliteDatabase } from "./database.ts";

/** Makes the API keys of a database. Another process may be using it at the same time. */
export function createApiKeys(database: SqliteDatabase): ApiKeys {
  const roleOf = database.prepare<[string], Role>("SELECT role FROM api_keys WHERE hash = ?").pluck();
  const all = database.prepare<[], ApiKeyRecord>(
    "SELECT id, role, name, created_at AS createdAt FROM api_keys ORDER BY created_at",
  );
  const insert = database.prepare<[string, string, Role, string, string]>(
    "INSERT INTO api_keys (id, hash, role, name, created_at) VALUES (?, ?, ?, ?, ?)",
  );
  const remove = database.prepare<[string]>("DELETE FROM api_keys WHERE id = ?");
  return {
    roleOf: async (key) => roleOf.get(sha256(key)),
    list: async () => all.all(),
    async create(role, name) {
      const key = `moco_${randomBytes(32).toString("base64url")}`;
      const record = { id: randomBytes(6).toString("hex"), role, name, createdAt: new Date().toISOString() };
      insert.run(record.id, sha256(key), role, name, record.createdAt);
      return { ...record, key };
    },
    revoke: async (id) => remove.run(id).changes > 0,
  };
}

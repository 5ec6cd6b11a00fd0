// API keys. Only their SHA-256 is stored: a key has 256 random bits, so a fast hash is enough.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../../core/hash.ts";
import { DATABASE_FILE, openDatabase, type SqliteDatabase } from "./database.ts";

/** What a key allows, each with all before it: to search, to change images, to change the model. */
export const ROLES = ["read", "write", "admin"] as const;

export type Role = (typeof ROLES)[number];

/** A key as it is listed: never the key itself. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly role: Role;
  /** What the user calls it. */
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

export type ApiKeys = ReturnType<typeof createApiKeys>;

/** Statements over API keys; each that writes is a transaction of its own. */
export function createApiKeys(database: SqliteDatabase) {
  const roleOf = database.prepare<[string], Role>("SELECT role FROM api_keys WHERE hash = ?").pluck();
  const all = database.prepare<[], ApiKeyRecord>(
    "SELECT id, role, name, created_at AS createdAt FROM api_keys ORDER BY created_at",
  );
  const insert = database.prepare<[string, string, Role, string, string]>(
    "INSERT INTO api_keys (id, hash, role, name, created_at) VALUES (?, ?, ?, ?, ?)",
  );
  const remove = database.prepare<[string]>("DELETE FROM api_keys WHERE id = ?");
  return {
    /** What this key allows; undefined where it is none of ours. */
    roleOf: (key: string): Role | undefined => roleOf.get(sha256(key)),
    list: (): ApiKeyRecord[] => all.all(),
    /** Makes a key. It is returned this once and cannot be found out again. */
    create(role: Role, name: string): ApiKeyRecord & { key: string } {
      const key = `moco_${randomBytes(32).toString("base64url")}`;
      const record = { id: randomBytes(6).toString("hex"), role, name, createdAt: new Date().toISOString() };
      insert.run(record.id, sha256(key), role, name, record.createdAt);
      return { ...record, key };
    },
    /** From now on the key is refused, by a running server too. False where there is no such key. */
    revoke: (id: string): boolean => remove.run(id).changes > 0,
  };
}

/** The API keys of a data folder, which a server may be using meanwhile. */
export function openApiKeys(folder: string): { keys: ApiKeys; close(): void } {
  mkdirSync(folder, { recursive: true });
  const database = openDatabase(join(folder, DATABASE_FILE));
  return { keys: createApiKeys(database), close: () => void database.close() };
}

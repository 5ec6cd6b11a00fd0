// API keys. Only their SHA-256 is stored: a key has 256 random bits, so a fast hash is enough.
import { randomBytes } from "node:crypto";
import { sha256 } from "../../../core/hash.ts";
import type { ApiKeyRecord, Role } from "../../domain/api-key.ts";
import type { ApiKeys } from "../ports.ts";
import type { Database } from "./database.ts";

interface KeyRow extends Omit<ApiKeyRecord, "createdAt"> {
  readonly created_at: Date;
}

const asRecord = ({ created_at, ...row }: KeyRow): ApiKeyRecord => ({ ...row, createdAt: created_at.toISOString() });

/** Makes the API keys of a database. */
export function createApiKeys({ query }: Pick<Database, "query">): ApiKeys {
  return {
    async roleOf(key) {
      const [row] = await query<{ role: Role }>("SELECT role FROM api_keys WHERE hash = $1", [sha256(key)]);
      return row?.role;
    },
    async list() {
      return (await query<KeyRow>("SELECT id, role, name, created_at FROM api_keys ORDER BY created_at")).map(asRecord);
    },
    async create(role, name) {
      const key = `moco_${randomBytes(32).toString("base64url")}`;
      const [row] = await query<KeyRow>(
        `INSERT INTO api_keys (id, hash, role, name, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())
         RETURNING id, role, name, created_at`,
        [randomBytes(6).toString("hex"), sha256(key), role, name],
      );
      return { ...asRecord(row!), key };
    },
    revoke: async (id) => (await query("DELETE FROM api_keys WHERE id = $1 RETURNING id", [id])).length > 0,
  };
}

// JSON and addresses that hurt.
import { jsonBombs } from "../../support/json-bombs.ts";
import { png } from "../../support/pictures.ts";
import { type Attacked, ROUNDS, times } from "./attacked.ts";

export function jsonAttacks({ attack, ask, form }: Attacked): void {
  for (const [what, json] of Object.entries(jsonBombs)) {
    attack("input", what, () => times(ROUNDS, () => ask("POST", "/v1/search", 400, json)), {
      requestsOfReader: ROUNDS,
    });
  }
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  attack("input", "lists 100,000 deep", () => ask("POST", "/v1/search", 400, `{"filter":${deep}}`), {
    requestsOfReader: 1,
  });
  attack("input", "three megabytes", () => ask("POST", "/v1/search", 413, `{"id":"${"x".repeat(3e6)}"}`), {
    requestsOfReader: 1,
  });
  attack("input", "metadata that would change silently", async () => {
    for (const metadata of ['{"__proto__":{"a":1}}', '{"a":1e999}', `{"a":${deep}}`]) {
      await ask("POST", "/v1/images", 400, form(await png(1), { metadata }));
    }
  });
  attack("input", "addresses that are none", async () => {
    for (const path of [
      "/v1/images/%00",
      "/v1/images/..%2f..%2fetc",
      "/v1/models/..%2f..",
      "/v1/swaps/%ff",
      `/${"a".repeat(8000)}`,
    ]) {
      await ask("GET", path, [400, 404]);
    }
  });
}

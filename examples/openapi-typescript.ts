// A typed client made with openapi-typescript and openapi-fetch:
//
//   npx openapi-typescript http://127.0.0.1:3000/openapi.json -o api.d.ts
//   npx tsc && node openapi-typescript.js <address of the server> <image>
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const [, , baseUrl = "http://127.0.0.1:3000", path = "photo.jpg"] = process.argv;
const client = createClient<paths>({ baseUrl });
const file = new Blob([await readFile(path)]);

/** Files are typed as strings by openapi-typescript; this sends them as files. */
function form(fields: Record<string, unknown>): FormData {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) body.append(name, one instanceof Blob ? one : String(one));
  }
  return body;
}

const stored = await client.POST("/v1/images", {
  body: { image: [file as unknown as string], metadata: JSON.stringify({ name: path }) },
  bodySerializer: form,
});
if (stored.error) throw new Error(stored.error.detail);

const found = await client.POST("/v1/search/image", {
  body: { image: file as unknown as string, k: 3 },
  bodySerializer: form,
});
if (found.error) throw new Error(found.error.detail);
for (const { id, score } of found.data.matches) console.log(score.toFixed(3), id);

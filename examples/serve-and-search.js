// A server inside a program of yours: store images, find similar ones, stop.
//
//   node serve-and-search.js <image> <image> …
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { start } from "moco-search/server";

const paths = process.argv.slice(2);
const server = await start({ data: "./example-data", port: 0 });

const form = new FormData();
for (const path of paths) form.append("image", new Blob([await readFile(path)]), basename(path));
form.append("metadata", JSON.stringify(paths.map((path) => ({ name: basename(path) }))));
await post("/v1/images", form);

const query = new FormData();
query.append("image", new Blob([await readFile(paths[0])]), "query");
query.append("k", "3");
const { model, matches } = await post("/v1/search/image", query);
console.log(`${model.name} finds for ${basename(paths[0])}:`);
for (const { score, metadata } of matches) console.log(`  ${score.toFixed(3)}  ${metadata.name}`);

await server.close();

async function post(path, body) {
  const response = await fetch(server.url + path, { method: "POST", body });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.title}: ${answer.detail}`);
  return answer;
}

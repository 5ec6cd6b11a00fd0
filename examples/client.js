// The client of a running server: store images, find similar ones. In TypeScript all of it has types.
//
//   node client.js <address of the server> <image> <image> …
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createClient } from "moco-search/client";

const [url = "http://127.0.0.1:3000", ...paths] = process.argv.slice(2);
const client = createClient(url, { key: process.env.MOCO_SEARCH_KEY });

const files = await Promise.all(paths.map(async (path) => ({ name: basename(path), bytes: await readFile(path) })));
const { images, errors } = await client.storeImages(files, { metadata: files.map(({ name }) => ({ name })) });
for (const { name, detail } of errors) console.error(`${name}: ${detail}`);
console.log(`${images.length} images stored.`);

const { model, matches } = await client.searchByImage(files[0], { k: 3, filter: { field: "name", exists: true } });
console.log(`${model.name} finds for ${files[0].name}:`);
for (const { score, metadata } of matches) console.log(`  ${score.toFixed(3)}  ${metadata.name}`);

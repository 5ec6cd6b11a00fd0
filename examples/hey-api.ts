// A typed client made with @hey-api/openapi-ts:
//
//   npx openapi-ts -i http://127.0.0.1:3000/openapi.json -o hey --client @hey-api/client-fetch
//   npx tsc && node hey-api.js <address of the server> <image>
import { readFile } from "node:fs/promises";
import { client } from "./hey/client.gen.js";
import { searchByImage, storeImages } from "./hey/sdk.gen.js";

const [, , baseUrl = "http://127.0.0.1:3000", path = "photo.jpg"] = process.argv;
client.setConfig({ baseUrl, throwOnError: true });
const image = new Blob([await readFile(path)]);

await storeImages({ body: { image: [image], metadata: JSON.stringify({ name: path }) }, throwOnError: true });
const { data } = await searchByImage({ body: { image, k: 3 }, throwOnError: true });
for (const { id, score } of data.matches) console.log(score.toFixed(3), id);

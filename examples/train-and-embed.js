// Train an encoder on a folder or an archive of images, without labels, and embed image files with it in this process.
//
//   node train-and-embed.js <images> <image> <image> …
import { readFile } from "node:fs/promises";
import { AppError, openEmbedder, train } from "moco-search/training";

const [images, ...files] = process.argv.slice(2);
await train({
  images: [images],
  name: "example",
  modelsFolder: "./models",
  runFolder: "./runs/example",
  budget: { minutes: 0.2 },
  replace: true,
  onEvent: ({ kind }) => console.error(kind),
}).catch((error) => {
  if (!(error instanceof AppError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
});

const { card, embed, close } = await openEmbedder("example");
const [first, ...others] = await embed(await Promise.all(files.map((file) => readFile(file))));
console.log(`${card.dimensions} numbers for each image. Similarity to ${files[0]}:`);
others.forEach((other, i) => {
  const cosine = first.reduce((sum, value, d) => sum + value * other[d], 0); // both have unit norm
  console.log(`  ${cosine.toFixed(3)}  ${files[i + 1]}`);
});
await close();

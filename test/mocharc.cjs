// The tests as `npm test` runs them, compiled. The long files come first: begun last, one of them would keep a single
// core busy at the end.
const { readdirSync } = require("node:fs");
const { join } = require("node:path");

const FOLDER = "build/test";
const LONG = [/^training\/train\.test/, /^server\/http\/swaps\.test/, /^server\/swap\//, /^cli\/demo\.test/];

const isShort = (file) => Number(!LONG.some((one) => one.test(file)));
const files = readdirSync(FOLDER, { recursive: true }).filter((file) => file.endsWith(".test.js"));

module.exports = {
  spec: files.sort((a, b) => isShort(a) - isShort(b)).map((file) => join(FOLDER, file)),
  timeout: 60_000,
  exit: true,
  parallel: true,
  jobs: 3,
  "node-option": ["enable-source-maps"],
};

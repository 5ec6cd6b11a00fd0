// The tests as `npm test` runs them, compiled to build/. The long files come first: begun last, one of them would keep
// a single core busy at the end. So does one that mostly waits: beside another such it would leave a core with nothing
// to do.
const { readdirSync } = require("node:fs");
const { join } = require("node:path");

const LONG = [
  /^server\/slow-readers/,
  /^training\/train\.test/,
  /^server\/http\/swaps\.test/,
  /^server\/swap\//,
  /^server\/trainings\/trainings/,
  /^cli\/demo\.test/,
];

// Every process reads these certificates as it starts, which takes as long as the half of Node's own start. No test
// speaks to a server outside.
delete process.env.NODE_EXTRA_CA_CERTS;

const isShort = (file) => Number(!LONG.some((one) => one.test(file)));
const files = readdirSync(__dirname, { recursive: true }).filter((file) => file.endsWith(".test.ts"));

module.exports = {
  spec: files.sort((a, b) => isShort(a) - isShort(b)).map((file) => join("build/test", file.replace(/ts$/, "js"))),
  timeout: 60_000,
  exit: true,
  parallel: true,
  jobs: 3,
  "node-option": ["enable-source-maps"],
};

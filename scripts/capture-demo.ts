// Runs the demo and draws what it prints as docs/images/demo.svg: the README's picture is always a real run.
//
//   node --import tsx scripts/capture-demo.ts
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../core/paths.ts";

const LINE_HEIGHT = 19;
const CHARACTER_WIDTH = 8.43;
const MARGIN = 20;

const lines = ["$ npm run demo", ...(await runDemo())];
const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER_WIDTH) + 2 * MARGIN;
const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
const text = lines.map(
  (line, i) => `<tspan x="${MARGIN}" y="${MARGIN + (i + 0.75) * LINE_HEIGHT}">${escapeXml(line)}</tspan>`,
);
const path = join(packageRoot(), "docs/images/demo.svg");
await mkdir(join(packageRoot(), "docs/images"), { recursive: true });
await writeFile(
  path,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>The demo in a terminal</title>
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<text font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="#d8dee9" xml:space="preserve">
${text.join("\n")}
</text>
</svg>
`,
);
console.log(`wrote ${path}`);

/** What the demo prints on both streams, in order; of the piped progress lines only the last of each kind. */
async function runDemo(): Promise<string[]> {
  const child = spawn("npm", ["run", "--silent", "demo"], { cwd: packageRoot(), stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      printed += chunk;
      process.stderr.write(chunk);
    });
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`the demo ended with ${code}`);
  const isProgress = (line: string) => /^(storing|training|reading images) \d/.test(line);
  const kindOf = (line: string | undefined) => line?.split(" ")[0];
  return printed
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("npm warn"))
    .filter((line, i, all) => !isProgress(line) || kindOf(all[i + 1]) !== kindOf(line));
}

function escapeXml(line: string): string {
  return line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

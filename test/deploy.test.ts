import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { packageRoot } from "../core/paths.ts";
import { parseConfig } from "../server/config.ts";

const read = (path: string) => readFile(join(packageRoot(), path), "utf8");

describe("Dockerfile, compose.yml and deploy/moco-search.service", () => {
  it("set options that the server has", async () => {
    const files = (await Promise.all(["Dockerfile", "deploy/moco-search.service"].map(read))).join("\n");
    const set = [...files.matchAll(/\b(MOCO_SEARCH_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]);
    assert.ok(set.length >= 5);
    const { host, data } = parseConfig({}, Object.fromEntries(set));
    assert.deepEqual([host, data], ["0.0.0.0", "/var/lib/moco-search/data"]);
    for (const option of set) {
      assert.notDeepEqual(parseConfig({}, Object.fromEntries([option])), parseConfig({}, {}), String(option));
    }
  });

  it("build of what is there, and of all that is compiled", async () => {
    const kept = (await read(".dockerignore")).split("\n").filter((line) => line.startsWith("!"));
    const paths = kept.map((line) => line.slice(1));
    for (const path of paths) assert.ok(existsSync(join(packageRoot(), path)), path);
    const { include } = JSON.parse(await read("tsconfig.build.json")) as { include: string[] };
    for (const folder of include) assert.ok(paths.includes(folder), `${folder} is not in .dockerignore`);
    for (const [, copied] of (await read("Dockerfile")).matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const path of copied!.split(" ")) assert.ok(path === "." || paths.includes(path), path);
    }
  });

  it("keep the data in a volume, and start the program where it is", async () => {
    const { services, volumes } = parse(await read("compose.yml"));
    const [name] = services["moco-search"].volumes[0].split(":");
    assert.ok(name in volumes);
    assert.match(
      await read("Dockerfile"),
      new RegExp(`^VOLUME ${services["moco-search"].volumes[0].split(":")[1]}$`, "m"),
    );
    const { bin } = JSON.parse(await read("package.json")) as { bin: Record<string, string> };
    for (const file of ["Dockerfile", "deploy/moco-search.service"]) {
      assert.ok((await read(file)).includes(bin["moco-search"]!), file);
    }
  });
});

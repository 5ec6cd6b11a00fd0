import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageRoot, siblingModule } from "../../core/paths.ts";
import { loaderFlags } from "../../core/processes.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

describe("onnxruntime", () => {
  it("tells nobody what it does: a session leaves no device number, no database and no log", async () => {
    const { folder, remove } = await temporaryFolder();
    const [home, models] = [join(folder, "home"), join(folder, "models")];
    const { onnxPath } = await writeTinyModel(models, "tiny");
    const module = siblingModule(import.meta.url, "../../core/onnxruntime");
    const program = `
      import { InferenceSession } from ${JSON.stringify(module.href)};
      await (await InferenceSession.create(${JSON.stringify(onnxPath)})).release();`;
    const { CI: _, ORT_DISABLE_TELEMETRY: __, ...env } = process.env; // each of them would silence it too
    const places = { HOME: home, XDG_CACHE_HOME: home, TMPDIR: home };
    await mkdir(home);
    await promisify(execFile)(process.execPath, [...loaderFlags(module), "--input-type=module", "-e", program], {
      env: { ...env, ...places },
    });
    assert.deepEqual(await readdir(home), []);
    await remove();
  });

  it("is imported in one place", async () => {
    const importing: string[] = [];
    for (const part of ["bench", "cli", "core", "proof", "scripts", "server", "support", "test", "training"]) {
      for (const file of await readdir(join(packageRoot(), part), { recursive: true })) {
        if (!file.endsWith(".ts")) continue;
        const text = await readFile(join(packageRoot(), part, file), "utf8");
        if (/(from|import)[ (]"onnxruntime-node/.test(text)) importing.push(`${part}/${file}`);
      }
    }
    assert.deepEqual(importing, ["core/onnxruntime.ts"]);
  });
});

// Bad input of `moco-search train`, through the command line: a sentence, a code, and an exit code that is not 0.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { picture, png } from "../../support/pictures.ts";
import { type EndedCli, runCliHere } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("moco-search train", function () {
  this.timeout(120_000);
  let folder: string;
  let remove: () => Promise<void>;
  const at = (...parts: string[]) => join(folder, ...parts);

  /** Runs the command on one of the folders of this test. */
  const train = (images: string, ...args: string[]): Promise<EndedCli> =>
    runCliHere(["train", at(images), "--device", "cpu", "--models", at("models"), "--run", at("run"), ...args]);
  /** A tiny network and few steps. */
  const tiny = () => ["--config", at("tiny.yaml"), "--epochs", "1", "--no-tune"];
  const refused = ({ code, stderr }: EndedCli, message: RegExp) => {
    assert.notEqual(code, 0);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /this should not have happened|\n {4}at /);
  };

  const { XDG_CACHE_HOME } = process.env;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    process.env.XDG_CACHE_HOME = at("cache");
    for (const name of ["empty", "one", "few", "same", "mixed"]) await mkdir(at(name));
    await writeFile(at("one", "0.png"), await png(0));
    for (let i = 0; i < 20; i++) {
      await writeFile(at("few", `${i}.png`), await png(i));
      await writeFile(at("same", `${i}.png`), await png(1));
    }
    // Grey, grey with alpha, palette, 16 bits, CMYK; wide, tall and of one pixel; and one that is no image.
    for (let i = 0; i < 24; i++) {
      const size = { width: 1 + ((i * 29) % 90), height: 1 + ((i * 53) % 70) };
      const image = picture(i, size);
      const files = [
        () => image.greyscale().png(),
        () => image.greyscale().ensureAlpha(0.5).png(),
        () => image.png({ palette: true }),
        () => image.toColourspace("rgb16").png(),
        () => image.toColourspace("cmyk").jpeg(),
        () => image.webp(),
      ];
      const file = await files[i % files.length]!().toBuffer();
      await writeFile(at("mixed", `${i}.${(await sharp(file).metadata()).format}`), file);
    }
    await writeFile(at("mixed", "broken.jpg"), "not an image");
    await writeFile(
      at("tiny.yaml"),
      `# Small enough for a test.
batch: 8
queue: 16
imageSize: 16
architecture:
  block: basic
  widths: [4]
  depths: [1]
  stem: { width: 4, kernel: 3, stride: 2, maxPool: false }
`,
    );
  });
  after(async () => {
    if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
    await remove();
  });

  it("an empty folder; one image", async () => {
    refused(await train("empty", "--name", "a"), /at least 16 images.*are none.*invalid_dataset/);
    refused(await train("one", "--name", "a"), /at least 16 images.*there is one.*invalid_dataset/);
  });

  it("fewer images than a batch; only copies of one image", async () => {
    const few = await train("few", "--name", "a", "--batch", "32", "--queue", "64");
    const same = await train("same", "--name", "a", ...tiny());
    refused(few, /at least one batch of 32 images but there are 20.*--batch.*invalid_dataset/);
    refused(same, /all 20 that were compared, of 20, are the same.*invalid_dataset/);
  });

  it("an unknown flag; contradictory options, all of them named", async () => {
    const flag = await train("few", "--name", "a", "--tempreature", "1");
    const crossed = await train("few", "--name", "a", "--batch", "16", "--queue", "8", "--bn-groups", "3");
    refused(flag, /unknown option '--tempreature'.*Did you mean --temperature/s);
    refused(crossed, /3 BN groups to divide the batch of 16.*queue of 8 to hold at least one batch of 16/s);
  });

  it("an output folder that cannot be written", async () => {
    await writeFile(at("file"), "");
    const blocked = await train("few", "--name", "a", ...tiny(), "--run", at("file", "run"));
    refused(blocked, /write the run.*ENOTDIR.*--run.*invalid_configuration/);
  });

  it("sizes and colour modes of every kind train; what is no image is named; the settings are kept", async () => {
    const ended = await train("mixed", "--name", "mixed", ...tiny(), "--temperature", "0.3", "--json");
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /24 images to train on, 1 that cannot be decoded, 0 left out\.\s+broken\.jpg/);
    const { model, run } = JSON.parse(ended.stdout) as {
      model: { training: { recipe: { temperature: number } } };
      run: string;
    };
    assert.equal(model.training.recipe.temperature, 0.3);

    // The run that goes on keeps its settings, and weights of another network are refused.
    const again = ["--name", "mixed", "--replace", "--resume", "--run", run, "--config", at("tiny.yaml")];
    const resumed = await train("mixed", ...again, "--architecture", "resnet18");
    const other = ["--name", "other", "--run", at("other"), "--init", "mixed"];
    const init = await train("mixed", ...other, "--architecture", "resnet18", "--batch", "8");
    refused(
      resumed,
      /hyper-parameters of the run that is resumed but some differ:.*architecture.*invalid_configuration/s,
    );
    refused(init, /tensor conv1.weight of \[64,3,3,3\].*another architecture.*invalid_checkpoint/);
  });

  it("shows views without training", async () => {
    const ended = await train("few", "--show-views", at("views.png"), ...tiny());
    assert.equal(ended.code, 0, ended.stderr);
    const { format, width, height } = await sharp(await readFile(at("views.png"))).metadata();
    assert.ok(format === "png" && width! > 800 && height! > 500, `${width}×${height}`);
    assert.equal(ended.stderr.includes("training"), false);
  });
});

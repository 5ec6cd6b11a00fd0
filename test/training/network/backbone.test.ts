import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { exportEncoder } from "../../../training/export/encoder.ts";
import { gradients, input, mul, reduceMean, type Tensor } from "../../../training/graph/index.ts";
import {
  type Architecture,
  type ArchitectureName,
  backbone,
  namedArchitecture,
} from "../../../training/network/backbone.ts";
import { projectionHead } from "../../../training/network/heads.ts";
import { initialValues } from "../../../training/network/initialise.ts";
import { regnetStages } from "../../../training/network/regnet.ts";
import { evaluationScope, type TensorSpec, trainingScope } from "../../../training/network/scope.ts";

/** The tensors of a classifier with 1000 classes on that network. */
function tensorsOf(architecture: Architecture, size: number): Map<string, TensorSpec> {
  const specs = new Map<string, TensorSpec>();
  const scope = evaluationScope((spec) => {
    assert.ok(!specs.has(spec.name), spec.name);
    specs.set(spec.name, spec);
    return input(spec.name, spec.shape);
  });
  projectionHead(backbone(input("x", [1, 3, size, size]), scope, architecture), scope, { head: "linear", dim: 1000 });
  return specs;
}

const size = ({ shape }: TensorSpec) => shape.reduce((a, b) => a * b, 1);

describe("network/backbone", () => {
  // Parameters and tensors of torchvision's resnet18, resnet50, regnet_x_400mf, regnet_y_400mf; for the 200MF, which
  // torchvision lacks, the count of the table and timm's regnety_002.
  const published: Array<[ArchitectureName, number]> = [
    ["resnet18", 11_689_512],
    ["resnet50", 25_557_032],
    ["regnetx-200mf", 2_684_792],
    ["regnetx-400mf", 5_495_976],
    ["regnety-200mf", 3_162_996],
    ["regnety-400mf", 4_344_144],
  ];
  for (const [name, parameters] of published) {
    it(`${name} has ${parameters} parameters`, () => {
      const specs = [...tensorsOf(namedArchitecture(name, 224), 224).values()];
      const learned = specs.filter(({ kind }) => kind === "parameter");
      assert.equal(
        learned.reduce((sum, spec) => sum + size(spec), 0),
        parameters,
      );
    });
  }

  it("names and shapes of ResNet-18 and -50 are torchvision's", () => {
    const small = tensorsOf(namedArchitecture("resnet18", 224), 224);
    assert.equal(small.size, 62 + 40);
    assert.deepEqual(small.get("conv1.weight")?.shape, [64, 3, 7, 7]);
    assert.deepEqual(small.get("layer2.0.downsample.0.weight")?.shape, [128, 64, 1, 1]);
    assert.deepEqual(small.get("layer4.1.bn2.running_var")?.shape, [512]);
    assert.deepEqual(small.get("fc.weight")?.shape, [1000, 512]);
    const large = tensorsOf(namedArchitecture("resnet50", 224), 224);
    assert.equal(large.size, 161 + 106);
    assert.deepEqual(large.get("layer1.0.downsample.0.weight")?.shape, [256, 64, 1, 1]);
    assert.deepEqual(large.get("layer3.5.conv2.weight")?.shape, [256, 256, 3, 3]);
    assert.deepEqual(large.get("layer4.2.conv3.weight")?.shape, [2048, 512, 1, 1]);
  });

  it("names and shapes of RegNetY are torchvision's", () => {
    const tensors = tensorsOf(namedArchitecture("regnety-400mf", 224), 224);
    assert.deepEqual(tensors.get("stem.0.weight")?.shape, [32, 3, 3, 3]);
    assert.deepEqual(tensors.get("trunk_output.block1.block1-0.proj.0.weight")?.shape, [48, 32, 1, 1]);
    assert.deepEqual(tensors.get("trunk_output.block2.block2-1.f.b.0.weight")?.shape, [104, 8, 3, 3]);
    assert.deepEqual(tensors.get("trunk_output.block2.block2-0.f.se.fc1.weight")?.shape, [12, 104, 1, 1]);
    assert.deepEqual(tensors.get("trunk_output.block4.block4-5.f.se.fc2.bias")?.shape, [440]);
    assert.deepEqual(tensors.get("trunk_output.block4.block4-5.f.c.1.running_mean")?.shape, [440]);
  });

  it("small images get a first layer of 3×3 that keeps the resolution", () => {
    for (const name of ["resnet18", "resnet50", "regnetx-200mf"] as const) {
      const architecture = namedArchitecture(name, 32);
      assert.ok(architecture.block !== "vit");
      const { stem } = architecture;
      assert.deepEqual([stem.kernel, stem.stride, stem.maxPool], [3, 1, false]);
    }
  });

  it("stages of the paper's designs", () => {
    const design = (depth: number, initialWidth: number, slope: number, multiplier: number, groupWidth: number) =>
      regnetStages({ depth, initialWidth, slope, multiplier, groupWidth });
    assert.deepEqual(design(13, 24, 36.44, 2.49, 8), { widths: [24, 56, 152, 368], depths: [1, 1, 4, 7] });
    assert.deepEqual(design(22, 24, 24.48, 2.54, 16), { widths: [32, 64, 160, 400], depths: [1, 2, 7, 12] });
    assert.deepEqual(design(16, 48, 27.89, 2.09, 8), { widths: [48, 104, 208, 440], depths: [1, 3, 6, 6] });
  });

  const tiny: Array<[string, Architecture]> = [
    [
      "basic",
      { block: "basic", widths: [4, 8], depths: [1, 1], stem: { width: 4, kernel: 7, stride: 2, maxPool: true } },
    ],
    [
      "bottleneck",
      {
        block: "bottleneck",
        widths: [8, 16],
        depths: [1, 2],
        stem: { width: 4, kernel: 3, stride: 1, maxPool: false },
      },
    ],
    [
      "RegNetX",
      {
        block: "regnet",
        widths: [8, 16],
        depths: [1, 2],
        groupWidth: 4,
        squeeze: 0,
        stem: { width: 4, kernel: 3, stride: 2, maxPool: false },
      },
    ],
    [
      "RegNetY",
      {
        block: "regnet",
        widths: [8, 16],
        depths: [1, 2],
        groupWidth: 8,
        squeeze: 0.25,
        stem: { width: 8, kernel: 3, stride: 1, maxPool: false },
      },
    ],
    ["ViT", { block: "vit", widths: [8], depths: [2], heads: 2, patch: 4, hidden: 16, layerScale: true }],
  ];
  for (const [name, architecture] of tiny) {
    it(`${name}: exported, it gives the features of the evaluated network, and every parameter has a gradient`, async () => {
      const random = createRandom(3);
      const values = new Map<string, Float32Array>();
      const evaluated = evaluationScope((spec) => {
        const isScale = spec.name.endsWith("running_var") || spec.init === "ones";
        // Running statistics and batch norm away from their first values, so that folding has something to fold.
        const drawn =
          spec.shape.length > 1
            ? initialValues(spec, random)
            : new Float32Array(size(spec)).map(() => random.uniform(-0.5, 0.5) + (isScale ? 1 : 0));
        values.set(spec.name, drawn);
        return input(spec.name, spec.shape);
      });
      backbone(input("x", [1, 3, 16, 16]), evaluated, architecture);
      // Throws where the exported network and the evaluated one differ by more than 1e-4.
      const images = Float32Array.from({ length: 2 * 3 * 16 * 16 }, () => random.normal());
      const exported = await exportEncoder(
        { architecture, imageSize: 16, head: "linear", dim: 8 },
        (tensor) => values.get(tensor)!,
        images,
      );
      assert.equal(exported.dimensions, architecture.widths.at(-1));

      const x = input("x", [2, 3, 16, 16]);
      const parameters: Tensor[] = [];
      const scope = trainingScope((spec) => {
        const tensor = input(spec.name, spec.shape);
        if (spec.kind === "parameter") parameters.push(tensor);
        return tensor;
      }, 1);
      const features = backbone(x, scope, architecture);
      const found = gradients(reduceMean(mul(features, features)), parameters);
      found.forEach((gradient, i) => {
        assert.deepEqual(gradient.shape, parameters[i]!.shape);
      });
    });
  }
});

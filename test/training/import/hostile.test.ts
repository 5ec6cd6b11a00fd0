import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { ftruncateSync, openSync, writeSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../core/errors.ts";
import { packageRoot } from "../../../core/paths.ts";
import {
  bytesOf,
  call,
  dictionary,
  int,
  name,
  pickle,
  storage,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  uint32,
  uint64,
  zip,
} from "../../../support/checkpoint-files.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { mulberry32 } from "../../../support/tiny-model.ts";
import { encodeSafetensors } from "../../../training/data/safetensors.ts";
import { openCheckpoint } from "../../../training/import/file/open.ts";
import { importEncoder } from "../../../training/import/import.ts";

const ones = (...values: readonly number[]) => values.map(int);
const weight = tensor(ones(2, 2), ones(2, 1));
const valid = pickle(dictionary(["weight", weight]));
const withValue = (value: Uint8Array) => torchZip(pickle(dictionary(["weight", weight], ["other", value])));
const withTensor = (value: Uint8Array) => torchZip(pickle(dictionary(["weight", value])));
const four = Buffer.concat([uint64(4), Buffer.alloc(16)]);
const safetensors = (header: string, data: Uint8Array = Buffer.alloc(16)) =>
  Buffer.concat([uint64(Buffer.byteLength(header)), Buffer.from(header), data]);
const nested = (levels: number): Buffer => (levels === 0 ? weight : bytesOf("}", text("a"), nested(levels - 1), "s"));

/** An entry as it lies in a zip file, to lie in another entry. */
const inner = zip([{ name: "a/data/2", data: new Uint8Array(16) }]).subarray(0, 38 + 16);

/** Files that are refused, and what the refusal names. */
const REFUSED: Readonly<Record<string, readonly [file: Uint8Array, says: RegExp]>> = {
  "a call of os.system": [withValue(call(name("posix", "system"), text("touch /tmp/owned"))), /"posix\.system"/],
  "a call of eval": [withValue(call(name("builtins", "eval"), text("1"))), /"builtins\.eval"/],
  "a call of subprocess.Popen, in protocol 4": [
    withValue(bytesOf(text("subprocess"), text("Popen"), 0x93, tuple(text("true")), "R")),
    /"subprocess\.Popen"/,
  ],
  "a name that leads on from a name that is allowed": [
    withValue(name("collections", "OrderedDict.__init__.__globals__")),
    /"collections\.OrderedDict\.__init__\.__globals__"/,
  ],
  "a name of every JavaScript object": [withValue(name("constructor", "prototype")), /"constructor\.prototype"/],
  "a whole network": [
    withValue(bytesOf(name("torchvision.models.resnet", "ResNet"), tuple(), 0x81)),
    /"torchvision\.models\.resnet\.ResNet".*state_dict\(\)/,
  ],
  "a NumPy array": [
    withValue(name("numpy.core.multiarray", "_reconstruct")),
    /"numpy\.core\.multiarray\._reconstruct"/,
  ],
  "an instance by protocol 0": [withValue(bytesOf("(ios\nsystem\n")), /instruction 0x69/],
  "an extension code": [withValue(bytesOf(0x82, 1)), /instruction 0x82/],
  "a buffer from elsewhere": [withValue(bytesOf(0x97)), /instruction 0x97/],
  "a call of a type": [withValue(call(name("torch", "FloatStorage"), int(1))), /calls torch\.FloatStorage/],
  "a call of a text": [withValue(call(text("eval"), int(1))), /calls a value/],
  "attributes of a number": [withValue(bytesOf(int(1), "}", "b")), /attributes of something that has none/],
  "something outside that is no storage": [withValue(bytesOf(tuple(text("module"), int(1)), "Q")), /no storage/],
  "a dictionary that holds itself": [
    torchZip(pickle(bytesOf("}q", 0, text("self"), "h", 0, "s"), text("weight"), weight, bytesOf("s"))),
    /self holds itself/,
  ],
  "dictionaries nine deep": [torchZip(pickle(nested(9))), /more than 8 deep/],
  "a number of two gigabytes": [withValue(bytesOf(0x8b, uint32(2 ** 31))), /number in its pickle has 2147483648 bytes/],
  "a text of a terabyte": [withValue(bytesOf(0x8d, uint64(2 ** 40))), /text in its pickle has 1099511627776 bytes/],
  "a text longer than the file": [withValue(bytesOf("X", uint32(1000_000))), /cut short/],
  "bytes of an exabyte": [
    withValue(bytesOf(0x8e, uint64(2n ** 60n))),
    /value in its pickle has 1152921504606847000 bytes/,
  ],
  "a value kept under number four billion": [
    withValue(bytesOf("N", "r", uint32(2 ** 32 - 1))),
    /numbers a value 4294967295/,
  ],
  "a value that was not kept": [withValue(bytesOf("h", 200)), /the value 200 that it did not keep/],
  "more values taken than there are": [torchZip(pickle(bytesOf("s"))), /takes more values than it has/],
  "a list that was not begun": [torchZip(pickle(bytesOf("e"))), /did not begin/],
  "five million instructions": [torchZip(pickle(Buffer.alloc(5_000_000, "N0"))), /more than 4000000 instructions/],
  "a pickle without an end": [torchZip(valid.subarray(0, -1)), /cut short/],
  "a protocol of the future": [torchZip(bytesOf(0x80, 9, "N.")), /protocol above 5/],
  "no tensor at all": [torchZip(pickle(dictionary(["epoch", int(3)]))), /no tensor by a name/],
  "two tensors of one name": [
    torchZip(pickle(dictionary(["a.b", weight], ["a", dictionary(["b", weight])]))),
    /two tensors of the name a\.b/,
  ],
  "a tensor larger than its storage": [withTensor(tensor(ones(2 ** 30, 2 ** 30), ones(2 ** 30, 1))), /does not fit/],
  "a tensor of one value a billion times": [withTensor(tensor(ones(10 ** 9), ones(0))), /does not fit.*of 4 values/],
  "a tensor beyond its storage": [withTensor(tensor(ones(2), ones(1), { offset: int(3) })), /does not fit/],
  "a tensor of negative size": [withTensor(tensor(ones(-2, -2), ones(2, 1))), /shape \[-2,-2\]/],
  "a tensor of a size that is no number": [withTensor(tensor([text("many")], ones(1))), /shape \[NaN\]/],
  "a tensor with a stride too few": [withTensor(tensor(ones(2, 2), ones(2))), /strides \[2\]/],
  "a tensor of a hundred dimensions": [
    withTensor(tensor(ones(...Array(100).fill(1)), ones(...Array(100).fill(1)))),
    /100 dimensions/,
  ],
  "a tensor without a storage": [withTensor(tensor(ones(1), ones(1), { of: text("0") })), /no storage/],
  "a storage of an unknown type": [
    withTensor(tensor(ones(1), ones(1), { of: storage("0", int(4), name("torch", "float32")) })),
    /unknown type float32/,
  ],
  "a storage that is missing": [
    withTensor(tensor(ones(1), ones(1), { of: storage("7", int(4)) })),
    /storage "7" is missing/,
  ],
  "a storage that leads to another entry": [
    withTensor(tensor(ones(1), ones(1), { of: storage("../data.pkl", int(4)) })),
    /storage "\.\.\/data\.pkl" is missing/,
  ],
  "a storage of another size": [
    withTensor(tensor(ones(1), ones(1), { of: storage("0", int(400)) })),
    /of 400 values.*16 bytes/,
  ],
  "a compressed zip": [
    zip([{ name: "a/data.pkl", data: valid, method: 8, size: 10 ** 9 }]),
    /"a\/data\.pkl" is compressed/,
  ],
  "a zip entry that grows": [zip([{ name: "a/data.pkl", data: valid, size: 10 ** 9 }]), /"a\/data\.pkl" is compressed/],
  "an encrypted zip": [zip([{ name: "a/data.pkl", data: valid, flags: 1 }]), /encrypted/],
  "a zip that leads out of its folder": [
    torchZip(valid, { name: "../../etc/passwd", data: valid }),
    /"\.\.\/\.\.\/etc\/passwd"/,
  ],
  "a zip with an absolute path": [torchZip(valid, { name: "/etc/passwd", data: valid }), /"\/etc\/passwd"/],
  "a zip with a path of Windows": [torchZip(valid, { name: "a\\..\\b", data: valid }), /a\\\\\.\./],
  "a zip with two entries of one name": [
    torchZip(valid, { name: "a/data/0", data: valid }),
    /two entries of the name "a\/data\/0"/,
  ],
  "a zip whose entries overlap": [
    torchZip(
      valid,
      { name: "a/data/1", data: inner },
      { name: "a/data/2", data: new Uint8Array(16), at: 40 + valid.length + 38 + 16 + 38 },
    ),
    /"a\/data\/1" and "a\/data\/2" lie in the same place/,
  ],
  "a zip entry that is called otherwise where it lies": [
    zip([{ name: "a/data.pkl", data: valid, localName: "b/data.pkl" }]),
    /another name/,
  ],
  "a zip entry outside": [zip([{ name: "a/data.pkl", data: valid, at: 10 ** 6 }]), /cut short/],
  "a zip that was cut": [torchZip(valid).subarray(0, -30), /its end is missing/],
  "a zip with more entries than bytes": [
    zip([{ name: "a/data.pkl", data: valid }], { count: 60_000 }),
    /60000 entries does not fit/,
  ],
  "a zip with a table of contents of a gigabyte": [
    zip([{ name: "a/data.pkl", data: valid }], { size: 10 ** 9 }),
    /1000000000 bytes/,
  ],
  "a zip whose table of contents is elsewhere": [
    zip([{ name: "a/data.pkl", data: valid }], { from: 5 }),
    /table of contents is damaged/,
  ],
  "a zip without a pickle": [zip([{ name: "a/other", data: valid }]), /0 entries "<name>\/data\.pkl"/],
  "a zip with two pickles": [torchZip(valid, { name: "b/data.pkl", data: valid }), /2 entries/],
  "a TorchScript program": [torchZip(valid, { name: "a/constants.pkl", data: valid }), /TorchScript/],
  "a zip of a big-endian machine": [
    torchZip(valid, { name: "a/byteorder", data: Buffer.from("big") }),
    /not little-endian/,
  ],
  "a damaged pickle": [zip([{ name: "a/data.pkl", data: valid, checksum: 1 }]), /a\/data\.pkl is damaged/],
  "a legacy file of another magic number": [
    torchLegacy(valid, ["0"], four, { magic: "00000000000000000001" }),
    /not written by torch\.save/,
  ],
  "a legacy file of a big-endian machine": [
    torchLegacy(valid, ["0"], four, { littleEndian: false }),
    /not little-endian/,
  ],
  "a legacy storage of 2⁶² values": [
    torchLegacy(valid, ["0"], Buffer.concat([uint64(2n ** 62n), Buffer.alloc(16)])),
    /storage 0 has 4611686018427387904 values where its tensors say 4/,
  ],
  "a legacy storage that is cut": [torchLegacy(valid, ["0"], four.subarray(0, 20)), /cut short in storage 0/],
  "a legacy storage that is missing": [torchLegacy(valid, [], four), /storage 0 is missing/],
  "a legacy storage of no tensor": [torchLegacy(valid, ["9"], four), /storage "9" is of no tensor/],
  "a legacy storage twice": [torchLegacy(valid, ["0", "0"], Buffer.concat([four, four])), /storage 0 is there twice/],
  "a safetensors header of an exabyte": [
    Buffer.concat([uint64(2n ** 60n), Buffer.from("{}")]),
    /header has 1152921504606847000 bytes/,
  ],
  "a safetensors header of brackets": [safetensors(`{"a":${"[".repeat(200_000)}`), /not JSON/],
  "safetensors in the same place": [
    safetensors(
      '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
    ),
    /a and b lie in the same place/,
  ],
  "safetensors of more values than bytes": [
    safetensors('{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}'),
    /a of \[4294967296,4294967296\] has 16 bytes/,
  ],
  "safetensors that are cut": [
    safetensors('{"a":{"dtype":"F32","shape":[400],"data_offsets":[0,1600]}}'),
    /cut short in tensor a/,
  ],
  "safetensors of an unknown type": [
    safetensors('{"a":{"dtype":"constructor","shape":[4],"data_offsets":[0,16]}}'),
    /element type constructor/,
  ],
  "an ONNX file": [bytesOf(0x08, 0x08, 0x12, "pytorch and more"), /moco-search add/],
  "a Keras file": [bytesOf(0x89, "HDF\r\n"), /HDF5/],
  "a file compressed with gzip": [bytesOf(0x1f, 0x8b, 8, 0, "12345678"), /gzip/],
  "a tar archive": [Buffer.concat([Buffer.alloc(257, "a"), Buffer.from("ustar"), Buffer.alloc(1000)]), /tar archive/],
  "a text": [Buffer.from("import torch"), /neither written by torch\.save nor/],
  "an empty file": [Buffer.alloc(0), /neither written by torch\.save nor/],
};

describe("checkpoints that are refused", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());
  const refused = (says: RegExp) => (error: unknown) => {
    assert.ok(error instanceof AppError && error.code === "invalid_checkpoint", String((error as Error).stack));
    assert.match(error.message, says);
    return true;
  };

  it("reads what they are made from", async () => {
    const path = join(folder, "valid");
    for (const file of [torchZip(valid), torchLegacy(valid, ["0"], four)]) {
      await writeFile(path, file);
      const { tensors, close } = openCheckpoint(path);
      assert.deepEqual(tensors.get("weight")!.read(), new Float32Array(4));
      close();
    }
  });

  for (const [what, [file, says]] of Object.entries(REFUSED)) {
    it(what, async () => {
      const path = join(folder, "hostile.pth");
      await writeFile(path, file);
      const before = process.resourceUsage().maxRSS; // kibibytes
      assert.throws(() => openCheckpoint(path), refused(says));
      assert.ok(process.resourceUsage().maxRSS - before < 128 * 1024, "it took more than 128 MiB");
    });
  }

  it("a damaged weight, once it is read", async () => {
    const path = join(folder, "damaged.pth");
    await writeFile(
      path,
      zip([
        { name: "a/data.pkl", data: valid },
        { name: "a/data/0", data: new Uint8Array(16), checksum: 5 },
      ]),
    );
    const { tensors, close } = openCheckpoint(path);
    assert.throws(() => tensors.get("weight")!.read(), refused(/data\/0 is damaged/));
    close();
  });

  it("a folder and a named pipe, without waiting for it", () => {
    assert.throws(() => openCheckpoint(folder), refused(/not a regular file|cannot be opened/));
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    assert.throws(() => openCheckpoint(pipe), refused(/not a regular file/));
  });

  it("networks whose tensors do not fit: missing, left over, of another shape or type", async () => {
    const path = join(folder, "network.safetensors");
    const good = openCheckpoint(join(packageRoot(), "test/fixtures/checkpoints/torchvision.pth"));
    const tensors = new Map(
      [...good.tensors]
        .filter(([, { dtype }]) => dtype === "F32")
        .map(
          ([key, tensor]) =>
            [key, { shape: tensor.shape, data: tensor.read() as Float32Array | BigInt64Array }] as const,
        ),
    );
    good.close();
    const bn = tensors.get("bn1.weight")!;
    const changes: readonly [(of: typeof tensors) => unknown, RegExp][] = [
      [(of) => of.delete("layer2.0.bn2.running_var"), /layer2\.0\.bn2\.running_var would be \[6\] but is missing/],
      [(of) => of.set("layer1.0.extra.weight", bn), /no place.*layer1\.0\.extra\.weight/],
      [(of) => of.set("bn1.weight", { shape: [4, 2], data: bn.data }), /bn1\.weight would be \[8\] but has \[4,2\]/],
      [
        (of) => of.set("bn1.weight", { shape: [8], data: new BigInt64Array(8) }),
        /bn1\.weight has the element type I64/,
      ],
      [(of) => of.set("layer1.0.conv1.weight", bn), /layer1\.0\.conv1\.weight/],
      [(of) => of.delete("layer1.0.conv1.weight"), /no network of a known layout/],
      [
        (of) => [...of].map(([key, value]) => of.set(`model.${key}`, value)),
        /several networks.*--prefix: "", "model\."/,
      ],
    ];
    for (const [change, says] of changes) {
      const changed = new Map(tensors);
      change(changed);
      await writeFile(path, encodeSafetensors({ tensors: changed, metadata: {} }));
      const options = { name: "none", modelsFolder: join(folder, "models"), size: 32, threads: 1 };
      await assert.rejects(importEncoder(path, options), refused(says));
    }
  });

  it("files of random bytes in between: opened and read, or refused in words", async () => {
    const random = mulberry32(1);
    for (const file of ["torchvision.pth", "moco-v1.pth.tar", "timm.safetensors"]) {
      const original = await readFile(join(packageRoot(), "test/fixtures/checkpoints", file));
      for (let n = 0; n < 150; n++) {
        const bytes = Buffer.from(original);
        // The tables of contents lie at the ends.
        const place = () => Math.floor(random() < 0.5 ? random() * 4000 : bytes.length - 1 - random() * 8000);
        for (let change = 0; change < 4; change++) bytes[place()] = Math.floor(random() * 256);
        const path = join(folder, "random");
        await writeFile(path, random() < 0.2 ? bytes.subarray(0, random() * bytes.length) : bytes);
        try {
          const { tensors, close } = openCheckpoint(path);
          try {
            for (const { dtype, read } of tensors.values()) if (dtype === "F32") read();
          } finally {
            close();
          }
        } catch (error) {
          refused(/cannot be used|safetensors/)(error);
        }
      }
    }
  });
});

describe("checkpoints of many gigabytes", () => {
  const GIGABYTES = 6 * 2 ** 30;
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());

  const elements = bytesOf(0x8a, 5, uint64(GIGABYTES / 4).subarray(0, 5));
  const queue = (key: string) => tensor([elements], [int(1)], { of: storage(key, elements) });
  const readsTheWeightAlone = (path: string) => {
    const before = process.resourceUsage().maxRSS;
    const { tensors, close } = openCheckpoint(path);
    assert.deepEqual([...tensors.get("weight")!.read()], [1, 2, 3, 4]);
    assert.deepEqual(tensors.get("queue")!.shape, [GIGABYTES / 4]);
    close();
    assert.ok(process.resourceUsage().maxRSS - before < 64 * 1024, "it took more than 64 MiB");
  };

  it("legacy: a weight behind a storage of six gigabytes is read alone", () => {
    const path = join(folder, "large.pth.tar");
    const head = torchLegacy(
      pickle(dictionary(["queue", queue("large")], ["weight", weight])),
      ["large", "0"],
      uint64(GIGABYTES / 4),
    );
    const file = openSync(path, "w");
    writeSync(file, head);
    ftruncateSync(file, head.length + GIGABYTES); // a hole: it takes no disk
    writeSync(
      file,
      Buffer.concat([uint64(4), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)]),
      0,
      24,
      head.length + GIGABYTES,
    );
    readsTheWeightAlone(path);
  });

  it("zip of 64 bits: a weight behind an entry of six gigabytes is read alone", () => {
    const path = join(folder, "large.pth");
    const data = pickle(dictionary(["queue", queue("1")], ["weight", weight]));
    const values = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const small = zip([
      { name: "a/data.pkl", data },
      { name: "a/data/0", data: values },
    ]);
    // Its entries, then the large one, then the table of contents with an extra field of 64 bits, then the ends.
    const contents = small.subarray(small.length - 22 - 2 * 46 - 18, small.length - 22);
    const files = small.subarray(0, small.length - 22 - contents.length);
    const local = zip([{ name: "a/data/1", data: Buffer.alloc(0) }]).subarray(0, 38);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    for (const field of [20, 24, 42]) central.writeUInt32LE(0xffffffff, field);
    central.writeUInt16LE(8, 28);
    central.writeUInt16LE(28, 30);
    const wide = bytesOf(
      central,
      "a/data/1",
      Buffer.of(1, 0, 24, 0),
      uint64(GIGABYTES),
      uint64(GIGABYTES),
      uint64(files.length),
    );
    const directory = Buffer.concat([contents, wide]);
    const from = files.length + local.length + GIGABYTES;
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50);
    uint64(3).copy(end64, 32);
    uint64(directory.length).copy(end64, 40);
    uint64(from).copy(end64, 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    uint64(from + directory.length).copy(locator, 8);
    const end = Buffer.alloc(22, 0xff);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt16LE(0, 20);
    const tail = Buffer.concat([directory, end64, locator, end]);
    const file = openSync(path, "w");
    writeSync(file, Buffer.concat([files, local]));
    ftruncateSync(file, from);
    writeSync(file, tail, 0, tail.length, from);
    readsTheWeightAlone(path);
  });
});

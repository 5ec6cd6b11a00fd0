// timm's names of a RegNet's tensors, and torchvision's, which the networks here have. Of ResNets both say the same.

/** timm's units of a block by torchvision's. */
const REGNET_UNITS: Readonly<Record<string, string>> = {
  "f.a": "conv1",
  "f.b": "conv2",
  "f.c": "conv3",
  proj: "downsample",
};

/** torchvision's name of a RegNet's tensor by timm's; other names stay. */
export function regnetFromTimm(name: string): string {
  const stem = /^stem\.(conv|bn)\.(.+)$/.exec(name);
  if (stem) return `stem.${stem[1] === "conv" ? 0 : 1}.${stem[2]}`;
  const [, stage, block, rest] = /^s(\d+)\.b(\d+)\.(.+)$/.exec(name) ?? [];
  if (!stage || !block || !rest) return name;
  const before = `trunk_output.block${stage}.block${stage}-${Number(block) - 1}`;
  if (rest.startsWith("se.")) return `${before}.f.${rest}`;
  const [, unit, part, end] = /^(\w+)\.(conv|bn)\.(.+)$/.exec(rest) ?? [];
  const ours = Object.keys(REGNET_UNITS).find((key) => REGNET_UNITS[key] === unit);
  return ours ? `${before}.${ours}.${part === "conv" ? 0 : 1}.${end}` : name;
}

/** timm's name of a RegNet's tensor by torchvision's. */
export function regnetToTimm(name: string): string {
  const stem = /^stem\.([01])\.(.+)$/.exec(name);
  if (stem) return `stem.${stem[1] === "0" ? "conv" : "bn"}.${stem[2]}`;
  const [, stage, block, rest] = /^trunk_output\.block(\d+)\.block\d+-(\d+)\.(.+)$/.exec(name) ?? [];
  if (!stage || !block || !rest) return name;
  const before = `s${stage}.b${Number(block) + 1}`;
  if (rest.startsWith("f.se.")) return `${before}.${rest.slice(2)}`;
  const [, unit, part, end] = /^(f\.\w|proj)\.([01])\.(.+)$/.exec(rest)!;
  return `${before}.${REGNET_UNITS[unit!]}.${part === "0" ? "conv" : "bn"}.${end}`;
}

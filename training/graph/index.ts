// The tensor graph: operators with gradients, as text, as ONNX, and run.
export { type CompiledGraph, type CompileOptions, compile, type Values } from "./engine/compile.ts";
export { type SymbolicDims, serialize } from "./engine/serialize.ts";
export { type GradientOptions, gradients } from "./gradients.ts";
export { multiplications } from "./multiplications.ts";
export { type BatchNormOutput, batchNorm } from "./ops/batch-norm.ts";
export { broadcastShape, expand, reduceSum, sumTo } from "./ops/broadcast.ts";
export { type ConvOptions, conv2d } from "./ops/conv.ts";
export * from "./ops/elementwise.ts";
export { crossEntropy, crossEntropyWithLabel0, l2Normalise, layerNorm, logSumExp, softmax } from "./ops/losses.ts";
export { gemm, linear, matmul } from "./ops/matmul.ts";
export { argMax, reduceMax, reduceMean } from "./ops/mean.ts";
export { gatherPoints, samplePoints, scatterPoints, topK } from "./ops/points.ts";
export { averagePool2d, globalAveragePool, maxPool2d } from "./ops/pool.ts";
export { upsample } from "./ops/resize.ts";
export { concat, gatherRows, pad, reshape, reshapeItems, slice, stopGradient, transpose } from "./ops/shape.ts";
export { printGraph } from "./print.ts";
export { distinct } from "./recompute.ts";
export * from "./tensor.ts";

// onnxruntime without its telemetry. Since 1.29 its builds for Linux and macOS tell Microsoft about each session (names
// and hashes of models among it) and keep a device number and a database in the user's cache, unless this variable says
// otherwise before the first session: https://github.com/microsoft/onnxruntime/pull/27379
process.env.ORT_DISABLE_TELEMETRY ??= "1";

export { env, InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";

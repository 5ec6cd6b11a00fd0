// A server on a port of its own, or one to mount: listen, check the keys, drain.
import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError, hasErrno } from "../core/errors.ts";
import { assemble, type Parts } from "./assemble.ts";
import { type Config, type Options, parseConfig } from "./config.ts";
import type { Access } from "./domain/api-key.ts";
import { isLoopback } from "./http/access.ts";
import { createConnections } from "./http/connections.ts";
import { createExpressServer } from "./http/express-server.ts";

/** A server that answers requests. */
export interface RunningServer {
  /** Such as http://127.0.0.1:3000 */
  readonly url: string;
  /** The model that answers. */
  readonly model: string;
  /** Finishes requests under way, stops what runs in the background, and frees the data folder. */
  close(): Promise<void>;
}

/** Most bytes of answers that wait for clients to read them. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024;

/**
 * Starts the server and returns once it can answer: the active model is loaded and its index filled. Until then
 * `/livez` answers 200 and `/readyz` 503.
 *
 * @throws AppError `invalid_configuration`, or why the model cannot be opened; nothing is left running then.
 */
export async function start(options: Options = {}, replaced: Partial<Parts> = {}): Promise<RunningServer> {
  const config = parseConfig(options);
  const url = () => addressOf(server);
  const assembled = await assemble(config, { access: demandsKeys(config) ? "keys" : "this machine", url }, replaced);
  // Node cuts off clients that send too slowly, and looks for them once a second.
  const connections = createConnections({ readSeconds: config.readSeconds, maxUnreadBytes: MAX_UNREAD_BYTES });
  const { app } = assembled;
  const server: Server = createExpressServer(app, { connectionsCheckingInterval: 1000 }, connections.oneAtATime(app));
  connections.guard(server);
  server.requestTimeout = config.requestSeconds * 1000;
  server.headersTimeout = Math.min(config.requestSeconds, 20) * 1000;
  const close = () => assembled.close(() => drain(server, config.drainSeconds));

  let model: string;
  try {
    if (demandsKeys(config) && !(await assembled.hasKeys())) throw keysMissing(config);
    await listen(server, config);
    model = await assembled.open();
  } catch (error) {
    await close();
    throw error;
  }
  return { url: addressOf(server), model, close };
}

/** A server without a port of its own. */
export interface MountableServer {
  /** An express application, which `own.use("/similar", app)` mounts and `http.createServer(app)` serves. */
  readonly app: RequestListener;
  /** The model that answers. */
  readonly model: string;
  /** Stops what runs in the background and frees the data folder. Stop listening first. */
  close(): Promise<void>;
}

/**
 * Makes a server to mount in an express application of your own, and returns once it can answer. Of the options, those
 * about listening (`host`, `port` and the time-outs of connections) mean nothing here.
 *
 * @param options.access Who may use it. `keys`: who has an API key; `this machine`: requests to localhost alone;
 *   `anyone`: your application has checked already. @default "this machine"
 * @throws AppError as {@link start}.
 */
export async function createServer({
  access = "this machine",
  ...options
}: Options & { readonly access?: Access } = {}): Promise<MountableServer> {
  const config = parseConfig(options);
  const assembled = await assemble(config, { access, url: () => "" });
  try {
    if (access === "keys" && !(await assembled.hasKeys())) throw keysMissing({ ...config, requireKeys: true });
    return { app: assembled.app, model: await assembled.open(), close: assembled.close };
  } catch (error) {
    await assembled.close();
    throw error;
  }
}

/** Where a server listens; empty before it does. */
function addressOf(server: Server): string {
  const address = server.address() as AddressInfo | null;
  if (!address) return "";
  const { family, port } = address;
  return `http://${family === "IPv6" ? `[${address.address}]` : address.address}:${port}`;
}

const demandsKeys = ({ host, requireKeys }: Config) => requireKeys || !isLoopback(host);

const keysMissing = ({ host, data, database }: Config) => {
  const why = isLoopback(host)
    ? "API keys are demanded (requireKeys)"
    : `Others can reach ${host}, so API keys are demanded`;
  return new AppError(
    "invalid_configuration",
    `${why}, and there is none. Make one first: moco-search keys create --role admin ${database === undefined ? `--data ${data}` : "--database …"}`,
  );
};

async function listen(server: Server, { port, host }: Config): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    if (hasErrno(error, "EADDRINUSE")) {
      throw new AppError(
        "invalid_configuration",
        `Port ${port} of ${host} is in use. Stop what uses it or choose another port.`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** Takes no new connections, waits for requests under way, and after `seconds` closes those that are left. */
async function drain(server: Server, seconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), seconds * 1000);
  await closed;
  clearTimeout(timer);
}

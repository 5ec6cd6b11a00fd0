// The server of an express application. Express gives every request and response that comes another prototype. In the
// V8 of Node 20 and 22 such an object has a hidden class of its own as soon as a property is added: code that was
// compiled for one request fits no other, and what requests leave behind outlives them. Here they are made with the
// prototypes that express would give them, so that it changes nothing.
import {
  createServer,
  IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  ServerResponse,
} from "node:http";

/** What is needed of an express application, in types that do not ask users for those of express. */
export type ExpressApp = RequestListener & { request: object; response: object };

/** As `http.createServer`, for an application that is mounted in no other. `listener` hands requests on to it. */
export function createExpressServer(app: ExpressApp, options: ServerOptions, listener: RequestListener = app): Server {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  app.request = Object.setPrototypeOf(AppRequest.prototype, app.request);
  app.response = Object.setPrototypeOf(AppResponse.prototype, app.response);
  return createServer({ ...options, IncomingMessage: AppRequest, ServerResponse: AppResponse }, listener);
}

// moco-search under an address of your own express application, which decides who may use it.
//
//   node mount-in-express.js [port]
import express from "express";
import { createServer } from "moco-search/server";

const similar = await createServer({ data: "./example-mounted", access: "anyone" });
const app = express();
app.get("/", (_request, response) => {
  response.send("My own page. Similar images are at /similar/v1/search/image.");
});
app.use("/similar", (request, response, next) => {
  if (request.get("x-user") === "me") next();
  else response.status(403).send("Not for you.\n");
});
app.use("/similar", similar.app);

const server = app.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});

process.once("SIGTERM", async () => {
  server.close();
  await similar.close();
});

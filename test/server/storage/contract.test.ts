// The contract of each port, on every storage.
import { describeBlobs } from "./contract/blobs.ts";
import { describeCatalogue } from "./contract/catalogue.ts";
import { STORAGES } from "./contract/storages.ts";
import { describeVectors } from "./contract/vectors.ts";

for (const [name, openEmpty] of Object.entries(STORAGES)) {
  describe(`storage: ${name}`, () => {
    describeBlobs(openEmpty, "images");
    describeBlobs(openEmpty, "models");
    describeCatalogue(openEmpty);
    describeVectors(openEmpty);
  });
}

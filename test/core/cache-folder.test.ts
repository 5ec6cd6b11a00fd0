import assert from "node:assert/strict";
import { homedir } from "node:os";
import { defaultCacheFolder } from "../../core/cache-folder.ts";

describe("defaultCacheFolder", () => {
  it("is a folder of its own in the system's, which the environment may move", () => {
    assert.match(defaultCacheFolder({ XDG_CACHE_HOME: "/x", LOCALAPPDATA: "/x" }), /moco-search$/);
    assert.match(defaultCacheFolder({}), /moco-search$/);
  });

  it("takes an empty variable as unset", function () {
    if (process.platform !== "linux") this.skip();
    assert.equal(defaultCacheFolder({ XDG_CACHE_HOME: "/x" }), "/x/moco-search");
    assert.equal(defaultCacheFolder({ XDG_CACHE_HOME: "" }), `${homedir()}/.cache/moco-search`);
  });
});

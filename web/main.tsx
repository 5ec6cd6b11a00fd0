// The page begins.
import { render } from "preact";
import { App } from "./app.tsx";
import { followHeader } from "./header.ts";
import "./style/base.css";
import "./style/images.css";
import "./style/search.css";
import "./style/collection.css";
import "./style/map.css";
import "./style/models.css";
import "./style/trainings.css";

followHeader();
render(<App />, document.getElementById("page")!);

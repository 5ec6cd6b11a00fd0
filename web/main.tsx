// The page begins.
import { render } from "preact";
import { App } from "./app.tsx";
import "./style/base.css";
import "./style/images.css";
import "./style/search.css";
import "./style/collection.css";
import "./style/models.css";

render(<App />, document.body);

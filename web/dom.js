// Makes elements. Nothing here takes HTML as text, so no stored metadata can become a script.

/**
 * Makes an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} properties `class`, `role` and names with a dash become attributes, `on…` listeners, all
 *   others properties. Undefined values are left out.
 * @param {...(Node | string | undefined | null | false)} children
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child || child === ""));
  return element;
}

/** Makes an SVG element with attributes. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A button with a visible name; with `icon`, the name is for screen readers and the tooltip. */
export function button(name, onclick, { kind = "", icon, ...properties } = {}) {
  const label = icon ? { "aria-label": name, title: name } : {};
  const classes = [kind, icon ? "icon" : ""].join(" ").trim();
  return el("button", { type: "button", class: classes || undefined, onclick, ...label, ...properties }, icon ?? name);
}

/** A message with buttons or links for what to do about it. */
export function notice(title, text, ...actions) {
  return el(
    "div",
    { class: "notice" },
    el("h2", {}, title),
    text && el("p", {}, text),
    actions.length > 0 && el("div", { class: "actions" }, ...actions),
  );
}

/** A number in the reader's locale with its noun: 1, "image" → "1 image"; 1234, "image" → "1,234 images". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

// The page's script, part 2 of 10: the pictures of an export, drawn of what Python has counted.

const SVG = "http://www.w3.org/2000/svg";

/** Make one shape, `[tag, attributes, children]`; its texts go in as text. */
function shape([tag, attributes, children]) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (typeof child === "string" ? child : shape(child))));
  return element;
}

/** One picture with what stands above and beneath it. */
function picture({ title, note, description, width, height, shapes }) {
  const size = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description };
  return h(
    "figure",
    {},
    h("figcaption", { class: "iew-picture-title" }, title),
    shape(["svg", { ...size, "font-size": 11 }, shapes]),
    h("figcaption", { class: "iew-muted" }, note),
  );
}

/** The pictures of one card, asked for when they are first looked at. */
class PicturesView {
  constructor(ask) {
    this.body = h("div", { class: "iew-pictures-body" });
    this.element = h(
      "details",
      { class: "iew-pictures", ontoggle: () => this.look() },
      h("summary", {}, "Pictures"),
      this.body,
    );
    this.element.addEventListener("click", () => (this.touched = true));
    this.ask = ask;
    this.element.hidden = true;
  }

  /** Show that there are pictures to look at, or that there are none yet. */
  update(there) {
    this.element.hidden = !there;
    this.look();
  }

  look() {
    if (this.asked || this.element.hidden || !this.element.open) return;
    this.asked = true;
    this.body.replaceChildren(h("p", { class: "iew-muted" }, "Counting \u2026"));
    this.ask();
  }

  draw(drawings, problem) {
    this.asked = true;
    this.body.replaceChildren(
      ...(problem ? [h("p", { class: "iew-muted" }, problem)] : drawings.map(picture)),
    );
  }
}

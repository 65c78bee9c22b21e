// The page's script, part 7 of 10: what the range that is being picked means.

class PreviewView {
  constructor(model) {
    this.model = model;
    this.element = h("dl", { class: "iew-preview", "aria-label": "What will be asked for" });
  }

  draw() {
    const preview = this.model.get("preview");
    const rows = [
      ["Range", preview.days && `${preview.days}: ${preview.local}`],
      ["UTC", preview.utc],
      ["Unix seconds", preview.unix],
      ["Daylight saving", preview.daylight],
      ["Windows", preview.windows],
      ["Counted", preview.counted],
    ].filter(([, value]) => value);
    this.element.hidden = rows.length === 0;
    this.element.replaceChildren(
      ...rows.map(([name, value]) =>
        h(
          "div",
          {},
          h("dt", {}, name),
          h("dd", {}, value, value === preview.counted ? this.explanation() : null),
        ),
      ),
    );
  }

  /** Where it is shown why a month's numbers change, if that notebook is at hand. */
  explanation() {
    const href = addressOf(this.model, this.model.get("explanation"));
    if (!href) return null;
    const link = h("a", { href, target: "_blank", rel: "noopener" }, "See it in a notebook");
    return h("span", {}, " ", link, ".");
  }
}

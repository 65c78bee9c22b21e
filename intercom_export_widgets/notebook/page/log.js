// The page's script, part 4 of 10: the session log as a table.

class LogView {
  constructor(model) {
    this.model = model;
    this.drawn = [];
    this.summary = h("summary", {});
    this.body = h("tbody", {});
    const code = h("code", {}, model.get("by_magic") ? "log = %intercom_export log" : "log = session.log()");
    this.element = h(
      "details",
      { class: "iew-log", ontoggle: () => this.draw() },
      this.summary,
      scrollTable("Session log", model.get("log_heads"), this.body),
      h(
        "div",
        { class: "iew-line" },
        h("span", { class: "iew-muted" }, "As a DataFrame"),
        codeLine(code, "Copy the line that gives the log"),
      ),
    );
    this.draw();
  }

  /**
   * Draw what has changed, and only while it is looked at. The newest row comes first, so rows
   * keep their place counted from the end.
   */
  draw() {
    const rows = this.model.get("log_rows");
    this.element.hidden = rows.length === 0;
    say(this.summary, `Session log: ${rows.length} ${rows.length === 1 ? "job" : "jobs"}`);
    if (!this.element.open) return;
    const keys = rows.map((row) => JSON.stringify(row));
    const more = rows.length - this.drawn.length;
    for (let i = more; i < 0; i += 1) this.body.firstChild.remove();
    this.body.prepend(...rows.slice(0, Math.max(more, 0)).map(tableRow));
    rows.forEach((row, index) => {
      const before = index - more;
      if (before >= 0 && this.drawn[before] !== keys[index])
        this.body.children[index].replaceWith(tableRow(row));
    });
    this.drawn = keys;
  }
}

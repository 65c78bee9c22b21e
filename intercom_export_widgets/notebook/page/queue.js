// The page's script, part 5 of 10: the ranges that wait for the workspace's one slot.

class QueueView {
  constructor(model) {
    this.model = model;
    this.list = h("ol", {});
    this.more = h("div", { class: "iew-muted" });
    this.lost = h("div", { class: "iew-lost" });
    this.head = h("strong", {}, "Waiting for the workspace's one slot");
    this.element = h(
      "section",
      { class: "iew-queue", "aria-label": "Queue" },
      this.lost,
      this.head,
      this.list,
      this.more,
    );
    this.draw();
  }

  draw() {
    const rows = this.model.get("queue");
    const lost = this.model.get("lost");
    this.element.hidden = rows.length + lost.length === 0;
    this.head.hidden = rows.length === 0;
    this.lost.replaceChildren(...lost.map((said) => h("p", {}, said)));
    const focused = this.list.contains(this.list.getRootNode().activeElement);
    this.list.replaceChildren(...rows.map((row) => this.row(row)));
    this.more.textContent = this.model.get("queue_more");
    if (focused) this.list.querySelector("button")?.focus();
  }

  row({ number, label, note, next_try, where }) {
    const remove = () => send(this.model, { do: "remove", number });
    const said = [note, next_try, where].filter(Boolean).join(" ");
    return h(
      "li",
      {},
      h("strong", {}, label),
      " ",
      h(
        "button",
        {
          type: "button",
          class: "iew-quiet",
          "aria-label": `Remove ${label} from the queue`,
          onclick: remove,
        },
        "Remove",
      ),
      h("div", { class: "iew-muted" }, said),
    );
  }
}

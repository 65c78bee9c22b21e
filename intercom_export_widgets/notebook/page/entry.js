// The page's script, part 10 of 10: where a page begins.

/** Hide, while the page lives, what stands under it for readers without its kernel. */
const hideCompanion = (name) =>
  h("style", {}, `.iew-static[data-iew-page="${CSS.escape(name)}"] { display: none; }`);

/** A page that is drawn from a saved notebook's state has no kernel, and sends into the void. */
async function lookForKernel(model, root) {
  const known = await model.widget_manager?.get_model?.(model.get("page_id"));
  if (known && !known.comm_live) die(root);
}

function render({ model, el }) {
  const root = h("div", { class: "iew", id: unique("page"), "data-kind": model.get("kind") });
  // JupyterLab's shortcuts would cut the cell when `x` is pressed on a button.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  root.model = model;
  root.append(
    hideCompanion(model.get("page_id")),
    deadNotice(model),
    h("p", { class: "iew-live iew-unseen", role: "status" }),
  );
  el.append(root);
  const stops = [];
  if (model.get("kind") === "form") {
    const form = new FormView(model, root);
    stops.push(() => form.destroy(), cardList(model, form.cards, root));
  } else {
    const cards = h("div", {});
    root.append(cards);
    stops.push(cardList(model, cards, root));
  }
  // Sent again when the kernel comes or goes: a message that can't be sent tells which.
  const hello = () => send(model, { do: "hello" }, root);
  hello();
  lookForKernel(model, root).catch(() => {});
  model.on("comm_live_update", hello);
  stops.push(() => model.off("comm_live_update", hello));
  return () => stops.forEach((stop) => stop());
}

export default { render };

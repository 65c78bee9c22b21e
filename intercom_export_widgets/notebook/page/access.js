// The page's script, part 8 of 10: a field for a token, and what went wrong, with what to do next.

/** Where a token is kept better than in a page. */
function betterWays() {
  return h(
    "p",
    {},
    "Best set the environment variable ",
    h("code", {}, "INTERCOM_ACCESS_TOKEN"),
    " before the kernel starts, or keep it in a keyring. What is typed here is checked, used by " +
      "this session only, and saved nowhere.",
  );
}

/** What is shown while no token is known: a field that is emptied at once, and other ways. */
class AccessView {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.element = h("div", { class: "iew-access", hidden: true });
  }

  draw({ state, why, text, known, tries }) {
    this.element.hidden = state !== "missing";
    if (state !== "missing") {
      this.token = null;
      this.element.replaceChildren();
      return;
    }
    if (this.token) {
      sayError(this.token, text);
      this.button.textContent = "Use my workspace";
    } else this.build(why, text, known);
    if (isHere(this.root) && (tries || known !== undefined)) this.token.input.focus();
  }

  build(why, text, known) {
    this.token = field("Access token", h("input", { type: "password", autocomplete: "off" }));
    this.token.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.repeat) this.use();
    });
    this.button = h("button", { type: "button", onclick: () => this.use() }, "Use my workspace");
    sayError(this.token, text);
    const caution = h("p", { class: "iew-caution", id: unique("caution"), hidden: true });
    say(caution, this.model.get("caution"));
    if (!text && !caution.hidden) this.token.input.setAttribute("aria-describedby", caution.id);
    this.element.replaceChildren(
      h("strong", {}, `Whose workspace? ${why ?? ""}`),
      caution,
      ...(caution.hidden ? [betterWays()] : []),
      h(
        "div",
        { class: "iew-token" },
        this.token.element,
        this.button,
        known ? this.other("Keep the present one", "identify") : null,
        this.other("Try the sandbox", "sandbox"),
      ),
    );
  }

  /** Send the token by message, never into a trait, and empty the field at once. */
  use() {
    const token = this.token.input.value;
    this.token.input.value = "";
    if (!token) {
      this.token.input.focus();
      return;
    }
    this.button.textContent = "Checking …";
    send(this.model, { do: "token", token }, this.root);
  }

  other(label, what) {
    const act = () => send(this.model, { do: what }, this.root);
    return h("button", { type: "button", onclick: act }, label);
  }
}

/** What only the server knew, and what to do next as buttons. */
class AlertView {
  constructor(model, act) {
    this.model = model;
    this.act = act;
    this.title = h("strong", {});
    this.text = h("span", {});
    this.actions = h("div", { class: "iew-actions" });
    this.element = h(
      "div",
      { class: "iew-alert" },
      h("p", { role: "alert" }, this.title, " ", this.text),
      this.actions,
    );
  }

  draw() {
    const { title, text, actions = [] } = this.model.get("alert");
    say(this.title, title);
    say(this.text, text);
    this.element.hidden = !title;
    const dismiss = { label: "Dismiss", do: "dismiss" };
    this.actions.replaceChildren(
      ...[...actions, dismiss].map(({ label, ...message }) =>
        h("button", { type: "button", onclick: () => this.act(message) }, label),
      ),
    );
  }
}

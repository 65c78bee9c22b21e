// The page's script, part 6 of 10: one labelled field, and what is wrong with it.

/** A labelled field with a place for its error. */
function field(label, input, hint) {
  const error = h("p", { class: "iew-error", role: "alert", id: unique("error"), hidden: true });
  input.id = unique("field");
  return {
    input,
    error,
    element: h(
      "div",
      { class: "iew-field" },
      h("label", { for: input.id }, label, hint ? h("small", {}, ` ${hint}`) : null),
      input,
      error,
    ),
  };
}

/** Tie a sentence to a field, or take it away. */
function sayError({ input, error }, text) {
  say(error, text);
  if (text) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", error.id);
  } else {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

(() => {
  const form = document.querySelector(".filter");
  const words = form.querySelector("input");
  const buttons = [...form.querySelectorAll("button")];
  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = buttons.filter((b) => b.ariaPressed === "true").map((b) => b.dataset.outcome);
    let shown = 0;
    for (const check of document.querySelectorAll(".check")) {
      const text = check.textContent.toLowerCase();
      const fits = wanted.every((word) => text.includes(word));
      check.hidden = !fits || (outcomes.length > 0 && !outcomes.includes(check.dataset.outcome));
      shown += check.hidden ? 0 : 1;
    }
    for (const stage of document.querySelectorAll(".stage")) {
      const held = stage.querySelector(".held");
      if (held) held.open = wanted.length + outcomes.length > 0;
      stage.hidden = !stage.querySelector(".check:not([hidden])");
    }
    document.getElementById("none").hidden = shown > 0;
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      apply();
    });
  }
  words.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();

// Light or dark, before anything is drawn: a classic script, so that nothing flashes.
"use strict";

(() => {
  const THEMES = ["auto", "light", "dark"];
  const KEPT_AS = "pensieve-theme";

  function kept() {
    try {
      const name = localStorage.getItem(KEPT_AS);
      return THEMES.includes(name) ? name : "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  }

  function show(name) {
    document.documentElement.dataset.theme = name;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${name}`;
  }

  let name = kept();
  show(name);
  document.addEventListener("DOMContentLoaded", () => {
    show(name);
    document.getElementById("theme").addEventListener("click", () => {
      name = THEMES[(THEMES.indexOf(name) + 1) % THEMES.length];
      try {
        localStorage.setItem(KEPT_AS, name);
      } catch {
        // then it holds until the page is left
      }
      show(name);
    });
  });
})();

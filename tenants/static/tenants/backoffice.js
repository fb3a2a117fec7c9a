"use strict";

// A form is sent once; the server would notice, but nobody should have to wonder.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-once")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent.trim();
  navigator.clipboard.writeText(text).then(() => {
    button.textContent = "Copied";
  });
});

// Rows of a form: removing ticks the hidden box, which the server reads; adding copies the template.
document.addEventListener("click", (event) => {
  const remove = event.target.closest("[data-remove-row]");
  if (remove) {
    const row = remove.closest("tr");
    row.querySelector("input[type=checkbox][name$=DELETE]").checked = true;
    row.hidden = true;
    return;
  }
  const add = event.target.closest("[data-add-row]");
  if (!add) return;
  const rows = add.closest("[data-rows]");
  const total = rows.querySelector("input[name$=TOTAL_FORMS]");
  const body = rows.querySelector("tbody");
  const source = rows.querySelector("template").innerHTML.replaceAll("__prefix__", total.value);
  body.insertAdjacentHTML("beforeend", source);
  total.value = String(Number(total.value) + 1);
  const first = body.lastElementChild.querySelector("input:not([type=hidden]):not([type=checkbox]), select, textarea");
  if (first) first.focus();
});

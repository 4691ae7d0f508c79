"use strict";
// Sorts and filters tables and chooses pictures and words, by pointer and by keyboard, and opens what the printer needs.
{
  const units = {k: 1e3, M: 1e6, G: 1e9, T: 1e12};
  const bytes = {kB: 1e3, MB: 1e6, GB: 1e9};

  // The number at the start of an entry: "−0.12 [−0.2, −0.1]", "25.6M", "28 kB", "2="; NaN if there is none.
  const numberOf = (text) => {
    const found = text.trim().replace(/,/g, "").match(/^([+−-]?)(\d+\.?\d*(?:e[+-]?\d+)?)(?:\s?([kMG]B)\b|([kMGT])\b)?/);
    if (!found) return NaN;
    const size = Number(found[2]) * (bytes[found[3]] || units[found[4]] || 1);
    return found[1] && found[1] !== "+" ? -size : size;
  };

  // Rows without a number stay last in a column of numbers, and so do empty entries.
  const sort = (table, place, direction) => {
    const body = table.tBodies[0];
    const entries = [...body.rows].map((row) => ({row, text: row.cells[place].textContent.trim()}));
    const isEmpty = ({text}) => text === "" || text === "–";
    const isText = ({text}) => Number.isNaN(numberOf(text));
    const filled = entries.filter((entry) => !isEmpty(entry));
    const isNumeric = 2 * filled.filter(isText).length < filled.length;
    const isLast = (entry) => isEmpty(entry) || (isNumeric && isText(entry));
    const compare = isNumeric
      ? (one, other) => numberOf(one.text) - numberOf(other.text)
      : (one, other) => one.text.localeCompare(other.text);
    entries.sort((one, other) => isLast(one) - isLast(other) || (isLast(one) ? 0 : direction * compare(one, other)));
    body.append(...entries.map(({row}) => row));
  };

  const makeSortable = (table) => {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const isAscending = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
        sort(table, place, isAscending ? 1 : -1);
      });
    });
  };

  const makeFilterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("span");
    label.className = "filter";
    input.type = "search";
    input.autocomplete = "off";
    count.setAttribute("role", "status");
    label.append("Filter rows", input, count);
    table.parentElement.before(label);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      rows.forEach((row) => {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      });
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = input.value ? `${shown} of ${rows.length} rows` : "";
    });
  };

  document.querySelectorAll("table.sortable").forEach((table) => {
    if (table.tBodies[0].rows.length > 1) makeSortable(table);
  });
  document.querySelectorAll("table.filterable").forEach((table) => {
    if (table.tBodies[0].rows.length > 9) makeFilterable(table);
  });

  // Of several pictures, such as those with different baselines, one is shown.
  document.querySelectorAll(".choice").forEach((choice) => {
    const parts = [...choice.children];
    if (parts.length < 2) return;
    const label = document.createElement("label");
    const select = document.createElement("select");
    label.className = "filter";
    select.autocomplete = "off";
    parts.forEach((part) => select.add(new Option(part.dataset.name)));
    label.append(choice.dataset.label, select);
    choice.before(label);
    select.addEventListener("input", () => {
      parts.forEach((part, place) => { part.hidden = place !== select.selectedIndex; });
    });
  });

  // The words of a colored text are one stop of the Tab key; arrow keys go from word to word.
  document.querySelectorAll(".text").forEach((text) => {
    const words = [...text.querySelectorAll("i")];
    words.forEach((word, place) => { word.tabIndex = place ? -1 : 0; });
    text.addEventListener("focusin", ({target}) => words.forEach((word) => { word.tabIndex = word === target ? 0 : -1; }));
    text.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      const next = step && words[words.indexOf(event.target) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  });

  // Printed pages show what is closed on the screen, apart from long tables.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.print:not([open])")];
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
}

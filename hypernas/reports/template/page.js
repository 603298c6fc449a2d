"use strict";

// Sorting: every column name becomes a button; empty cells stay last.
const compare = (a, b) => {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
};

function sort(table, column, direction) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [row.cells[column].dataset.value, row]);
  keyed.sort(([a], [b]) => {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return direction * compare(a, b);
  });
  body.append(...keyed.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sort(table, column, ascending ? 1 : -1);
    });
  });
}

// Filtering: long tables get a box; a row stays if it has every word.
for (const holder of document.querySelectorAll(".table[data-long]")) {
  const rows = [...holder.querySelectorAll("tbody tr")];
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("output");
  label.className = "filter";
  input.type = "search";
  count.textContent = `${rows.length} rows`;
  label.append("Filter", input, count);
  holder.querySelector(".frame").before(label);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  });
}

// Highlighting: the names of arms become switches; what belongs to others fades.
for (const list of document.querySelectorAll(".arms")) {
  const section = list.closest("section");
  const lit = new Set();
  for (const item of list.children) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    item.append(button);
    button.addEventListener("click", () => {
      const arm = item.dataset.arm;
      if (!lit.delete(arm)) lit.add(arm);
      button.setAttribute("aria-pressed", String(lit.has(arm)));
      section.toggleAttribute("data-focus", lit.size > 0);
      for (const part of section.querySelectorAll("g.arm, tbody tr[data-arm]"))
        part.classList.toggle("lit", lit.has(part.dataset.arm));
    });
  }
}

// Scrolling: a table that goes on beyond its box says so, and fades on that side.
for (const frame of document.querySelectorAll(".frame")) {
  const box = frame.querySelector(".box");
  const sign = document.createElement("p");
  sign.className = "more";
  frame.before(sign);
  const look = () => {
    const right = box.scrollWidth - box.clientWidth - box.scrollLeft > 1;
    const below = box.scrollHeight - box.clientHeight - box.scrollTop > 1;
    frame.toggleAttribute("data-right", right);
    frame.toggleAttribute("data-below", below);
    const ways = [
      box.scrollWidth > box.clientWidth + 1 && "sideways for more columns ↔",
      box.scrollHeight > box.clientHeight + 1 && "down for more rows ↕",
    ];
    sign.textContent = ways.some(Boolean) ? `Scroll ${ways.filter(Boolean).join(", ")}` : "";
  };
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
  look();
}

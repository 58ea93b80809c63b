"use strict";
// Draws each visible chart in the page's colours and at full width, nearest to the screen first.
(() => {
  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const shades = new Map(
    Object.entries(JSON.parse(document.getElementById("dark-shades").textContent)),
  );
  const charts = new Map();
  const waiting = new Set();
  let busy = false;

  function read(element) {
    const toDark = (key, value) => (typeof value === "string" && shades.get(value)) || value;
    return JSON.parse(element.textContent, darkness.matches ? toDark : undefined);
  }

  function fit(specification, width) {
    const { panels, narrowest, axes = 0, cells = 0 } = specification.usermeta.layout;
    if (width < 480) {
      const legend = { columns: 1, labelLimit: width - 90 };
      specification.config = { legend, axis: { labelLimit: 120 } };
    }
    if (panels === 0) {
      specification.width = width;
      specification.autosize = { type: "fit-x", contains: "padding" };
      return;
    }
    const columns = Math.max(1, Math.min(panels, Math.floor(width / narrowest)));
    let inner = Math.floor((width - 12) / columns - axes);
    const largest = Math.floor(240 / cells) * cells;
    if (cells) inner = Math.max(cells, Math.min(largest, Math.floor(inner / cells) * cells));
    specification.columns = columns;
    specification.spec.width = inner;
    if (cells) specification.spec.height = inner;
  }

  // A closed fold may keep its layout, so the width alone is not enough.
  function isFolded(place) {
    return place.closest("details:not([open])") !== null || place.clientWidth === 0;
  }

  function isStale(place) {
    const drawn = charts.get(place);
    const width = Math.floor(place.clientWidth);
    return !drawn || drawn.width !== width || drawn.dark !== darkness.matches;
  }

  async function draw(place) {
    if (isFolded(place) || !isStale(place)) return;
    const width = Math.floor(place.clientWidth);
    const dark = darkness.matches;
    const old = charts.get(place);
    const specification = read(place.parentElement.querySelector(".specification"));
    const drawing = place.firstElementChild;
    fit(specification, width);
    place.style.minHeight = `${place.clientHeight}px`;
    const options = {
      mode: "vega-lite", renderer: specification.usermeta.renderer, actions: false, ast: true,
      defaultStyle: false, tooltip: { disableDefaultStyle: true }, config: { ...read(document.getElementById("theme")), aria: false },
    };
    try {
      const drawn = await window.vegaEmbed(drawing, specification, options);
      // Vega adds its own role to the drawing; the place around it has the text alternative.
      drawing.removeAttribute("role");
      drawing.removeAttribute("aria-roledescription");
      drawing.removeAttribute("aria-label");
      drawing.querySelector("svg, canvas").setAttribute("aria-hidden", "true");
      charts.set(place, { width, dark, finalize: drawn.finalize });
    } catch (error) {
      place.classList.add("failed");
      drawing.textContent = "This chart could not be drawn.";
      console.error(error);
    }
    if (old) old.finalize();
    place.style.minHeight = "";
  }

  function distance(place) {
    const box = place.getBoundingClientRect();
    return Math.max(box.top - window.innerHeight, -box.bottom, 0);
  }

  async function work() {
    if (busy) return;
    busy = true;
    document.documentElement.dataset.charts = "waiting";
    while (waiting.size > 0) {
      const next = [...waiting].reduce((a, b) => (distance(b) < distance(a) ? b : a));
      waiting.delete(next);
      await draw(next);
      await new Promise((done) => setTimeout(done));
    }
    busy = false;
    document.documentElement.dataset.charts = "drawn";
  }

  const places = [...document.querySelectorAll(".chart")];
  function request(changed) {
    changed.forEach((place) => waiting.add(place));
    work();
  }
  const watch = new ResizeObserver((entries) => request(entries.map((entry) => entry.target)));
  places.forEach((place) => watch.observe(place));
  document.querySelectorAll("details").forEach((fold) => {
    fold.addEventListener("toggle", () => request(fold.querySelectorAll(".chart")));
  });
  darkness.addEventListener("change", () => request(places));
  request(places);
})();

// Opens every fold around the target of a link, and the one that has all of a section or a part.
(() => {
  function open(hash) {
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    const whole = target?.querySelector(":scope > details.whole, :scope > h3 + details:last-child");
    for (let fold = whole ?? target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
  }
  // A click on the link to where the page already is changes no hash, so clicks count too.
  document.querySelectorAll("a[href^='#']").forEach((link) => link.addEventListener("click", () => {
    open(link.hash);
    const contents = link.closest("nav.above details");
    if (contents) contents.open = false;
  }));
  window.addEventListener("hashchange", () => open(location.hash));
  open(location.hash);
  // Paper shows the evidence of every claim and the tables of every study.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("#claims details, .whole").forEach((fold) => { fold.open = true; });
  });
})();

// Marks tables that are wider than their place, so that the reader knows to scroll.
(() => {
  const watch = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    const place = target.closest(".scroll");
    place.classList.toggle("wider", place.scrollWidth > place.clientWidth);
  }));
  document.querySelectorAll(".scroll, .scroll > table").forEach((element) => watch.observe(element));
})();

// Adds sorting by any column and a filter for rows to tables.
(() => {
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;

  function sortBy(table, heading, column) {
    const up = heading.ariaSort !== "ascending";
    table.querySelectorAll("thead th").forEach((other) => { other.ariaSort = null; });
    heading.ariaSort = up ? "ascending" : "descending";
    const numbers = table.querySelector(`td:nth-child(${column + 1})[data-value]`) !== null;
    const key = (row) => {
      const cell = row.cells[column];
      if (!numbers) return cell.textContent;
      return "value" in cell.dataset ? Number(cell.dataset.value) : NaN;
    };
    // Rows without a number come last in either order.
    const order = (a, b) => {
      const [one, other] = [key(a), key(b)];
      if (!numbers) return up ? compare(one, other) : compare(other, one);
      if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
      return up ? one - other : other - one;
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(order));
  }

  function addButtons(table) {
    table.querySelectorAll("thead th").forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sortBy(table, heading, column));
    });
  }

  function addFilter(table) {
    const rows = [...table.tBodies[0].rows];
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("output");
    input.type = "search";
    label.append("Filter ", input);
    label.className = "filter";
    label.append(count);
    table.closest(".scroll").before(label);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const holds = (row) => words.every((word) => row.textContent.toLowerCase().includes(word));
      rows.forEach((row) => { row.hidden = !holds(row); });
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
  }

  document.querySelectorAll("table.sorts").forEach((table) => {
    if (table.tBodies[0].rows.length < 2) return;
    addButtons(table);
    addFilter(table);
  });
})();

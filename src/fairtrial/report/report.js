"use strict";
// Draws each chart into its place: in the page's colours, as wide as there is room, nearest first.
(() => {
  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const shades = new Map(
    Object.entries(JSON.parse(document.getElementById("dark-shades").textContent)),
  );
  const charts = new Map();
  const waiting = new Set();
  let busy = false;

  function readSpecification(place) {
    const text = place.parentElement.querySelector(".specification").textContent;
    const toDark = (key, value) => (typeof value === "string" && shades.get(value)) || value;
    return JSON.parse(text, darkness.matches ? toDark : undefined);
  }

  function fit(specification, width) {
    const { panels, narrowest, axes = 0, cells = 0 } = specification.usermeta.layout;
    if (panels === 0) {
      if (width < 480) specification.config = { legend: { columns: 2 } };
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

  function readTheme() {
    const css = getComputedStyle(document.documentElement);
    const value = (name) => css.getPropertyValue(name).trim();
    const [text, quiet, grid, rule] = ["--text", "--quiet", "--grid", "--rule"].map(value);
    const font = value("--sans");
    return {
      background: "transparent",
      font,
      aria: false,
      padding: 2,
      view: { stroke: null },
      axis: {
        labelColor: quiet, titleColor: quiet, gridColor: grid, domainColor: rule, tickColor: rule,
        labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal", tickSize: 4,
        labelLimit: 150, labelOverlap: true,
      },
      legend: {
        orient: "top", labelColor: text, titleColor: quiet, labelFontSize: 12, titleFontSize: 11,
        titleFontWeight: "normal", symbolSize: 140, labelLimit: 220, columnPadding: 16, offset: 8,
      },
      header: { labelColor: text, labelFontSize: 12, labelLimit: 260 },
      text: { color: text, fontSize: 11 },
    };
  }

  // A closed fold may keep its layout, so the width alone does not tell.
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
    const specification = readSpecification(place);
    fit(specification, width);
    place.style.minHeight = `${place.clientHeight}px`;
    const options = {
      mode: "vega-lite", renderer: specification.usermeta.renderer, actions: false, ast: true,
      defaultStyle: false, tooltip: { disableDefaultStyle: true }, config: readTheme(),
    };
    try {
      const drawn = await window.vegaEmbed(place, specification, options);
      charts.set(place, { width, dark, finalize: drawn.finalize });
    } catch (error) {
      place.classList.add("failed");
      place.textContent = "This chart could not be drawn.";
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
})();

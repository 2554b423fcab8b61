// Questions about a page, each a function that returns what is wrong, or a number.
const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
const name = (e) => `${e.tagName.toLowerCase()}.${e.className.baseVal ?? e.className}: ${e.textContent.trim().slice(0, 40)}`;

// Elements that reach beyond the column, other than inside something that scrolls by itself.
function sticksOut() {
  const main = document.querySelector("main") ?? document.body;
  const edge = main.getBoundingClientRect().right - parseFloat(getComputedStyle(main).paddingRight);
  const inside = (e) => e && (getComputedStyle(e).overflowX === "auto" || inside(e.parentElement));
  const out = [...main.querySelectorAll("*")]
    .filter((e) => shown(e) && !inside(e.parentElement))
    .filter((e) => e.getBoundingClientRect().right > edge + 0.5);
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) out.push(document.body);
  return out.map(name);
}

// A flex box drops the space between its own text and an element: "Back to" + name reads "Back toname".
function runTogether() {
  return [...document.body.querySelectorAll("*")]
    .filter((e) => shown(e) && getComputedStyle(e).display.endsWith("flex"))
    .filter((e) => !(parseFloat(getComputedStyle(e).columnGap) > 0))
    .filter((e) => [...e.childNodes].some((one) => {
      const next = one.nextSibling;
      if (!one.data?.trim() || !next?.getClientRects || !/\s$/.test(one.data)) return false;
      const box = next.getBoundingClientRect();
      return box.width > 1; // one for readers alone is a pixel wide
    }))
    .map(name);
}

// Figures grow with the years.
function grow() {
  for (const cell of document.querySelectorAll("td.number")) cell.textContent = "12\u202f345\u202f678";
}

function rgba(text) {
  const [r, g, b, a] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, a ?? 1];
}

// Relative luminance (WCAG).
function luminance([r, g, b]) {
  const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function background(e) {
  for (; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour[3] === 1) return colour;
  }
  return [255, 255, 255, 1];
}

function brightness() {
  return luminance(background(document.body));
}

function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

// Elements with text of their own that is hard to tell from what lies behind it.
function faint() {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(e)) continue;
    if (e.closest(":disabled")) continue; // it may be: WCAG 1.4.3
    if (contrast(rgba(getComputedStyle(e).color), background(e)) < 4.5) found.add(name(e));
  }
  return [...found];
}

// A link within a line of text is as tall as the line.
function inText(e) {
  return getComputedStyle(e).display === "inline" && e.tagName === "A"
    && e.parentElement.textContent.trim().length > e.textContent.trim().length;
}

// What is smaller than a finger (WCAG 2.2, 2.5.8): of a field its label may be touched instead.
function tiny() {
  const small = (e) => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24; };
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
    .filter((e) => shown(e) && !inText(e))
    .filter((e) => [e, ...(e.labels ?? [])].every(small))
    .map(name);
}

// What looks the same whether the keyboard is at it or not.
function unmarked() {
  const before = document.activeElement;
  const drawn = (e) => { const s = getComputedStyle(e); return [s.outlineStyle, s.outlineWidth, s.boxShadow, s.backgroundColor].join(); };
  const wrong = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
    .filter((e) => shown(e) && !e.disabled)
    .filter((e) => {
      e.blur();
      const without = drawn(e);
      e.focus({ focusVisible: true, preventScroll: true });
      return document.activeElement === e && drawn(e) === without;
    });
  document.activeElement.blur();
  before?.focus?.({ preventScroll: true });
  return wrong.map(name);
}

// What a screen reader would stumble over.
function unheard() {
  const wrong = [];
  const need = (holds, what) => { if (!holds) wrong.push(what); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  need(document.documentElement.lang, "no language");
  need(document.title.trim(), "no title");
  for (const landmark of ["header", "main", "footer", "h1"]) {
    need(all(landmark).length === 1, `not exactly one ${landmark}`);
  }
  const levels = all("h1, h2, h3, h4").map((h) => Number(h.tagName[1]));
  levels.forEach((level, i) => need(level <= (levels[i - 1] ?? 0) + 1, "a heading level is left out"));
  const ids = all("[id]").map((e) => e.id);
  need(new Set(ids).size === ids.length, "an id twice");
  for (const section of all("section")) {
    const label = section.getAttribute("aria-labelledby");
    need(section.ariaLabel || document.getElementById(label)?.textContent.trim(), "a section without a name");
  }
  for (const table of all("table")) {
    need(table.caption, "a table without a caption");
    for (const row of table.tBodies[0].rows) {
      need(row.cells.length === 1 || row.querySelector('th[scope="row"]'), "a row without its header");
    }
    need([...table.tHead.rows[0].cells].every((c) => c.scope === "col" && c.textContent.trim()), "a column without its header");
  }
  for (const link of all("a")) need(link.textContent.trim() && link.href, "a link without words or target");
  for (const image of all("svg")) need(image.ariaHidden === "true", "a picture without words");
  const skip = document.querySelector("a");
  need(skip?.getAttribute("href") === "#main" && document.getElementById("main"), "no way past the header");
  return wrong;
}

function inlineScriptRuns() {
  const script = document.createElement("script");
  script.append("window.ran = true");
  document.body.append(script);
  return window.ran === true;
}

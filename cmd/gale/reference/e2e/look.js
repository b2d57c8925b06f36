// What is wrong with this page, for people who see, see little, or hear it.
(() => {
  const wrong = [];
  const name = e => {
    const text = (e.innerText || e.value || "").trim().slice(0, 40);
    return `<${e.tagName.toLowerCase()}${e.id ? " id=" + e.id : ""}${e.className ? " class=" + e.className : ""}> ${text}`;
  };

  // One page, one language, one heading, in order.
  if (!document.documentElement.lang) wrong.push("the page has no language");
  if (!document.title.trim()) wrong.push("the page has no title");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(h => Number(h.tagName[1]));
  if (headings.filter(level => level === 1).length !== 1 || headings[0] !== 1) wrong.push("headings are " + headings + ", want one h1, first");
  headings.forEach((level, i) => { if (i && level > headings[i - 1] + 1) wrong.push("headings jump: " + headings); });
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  ids.forEach((id, i) => { if (ids.indexOf(id) !== i) wrong.push("two elements have the id " + id); });

  // It fits the window.
  const width = document.scrollingElement.scrollWidth;
  if (width > innerWidth) wrong.push(`the page is ${width} pixels wide in a window of ${innerWidth}`);

  // Names for those who do not see.
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!e.ariaLabel && ![...e.labels].some(l => l.textContent.trim())) wrong.push("no label: " + name(e));
    const by = e.getAttribute("aria-describedby");
    if (by && !document.getElementById(by)) wrong.push("described by nothing: " + name(e));
  }
  for (const e of document.querySelectorAll("img")) if (!e.hasAttribute("alt")) wrong.push("no alt: " + e.src);
  for (const e of document.querySelectorAll("a[href], button")) {
    if (!e.hidden && !(e.ariaLabel || e.textContent).trim()) wrong.push("no name: " + e.outerHTML);
  }
  for (const e of document.querySelectorAll("th")) if (!e.textContent.trim()) wrong.push("a column without a heading");

  // Contrast of text, WCAG 2.2, 1.4.3: 4.5, for large text 3.
  const rgba = c => {
    const [r, g, b, a = 1] = c.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => {
    const mix = k => top[k] * top.a + below[k] * (1 - top.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const luminance = c => {
    const [r, g, b] = [c.r, c.g, c.b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    if (!e) return { r: 255, g: 255, b: 255, a: 1 };
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own.a === 1 ? own : over(own, behind(e.parentElement));
  };
  const contrast = (e, color, background) => {
    const [light, dark] = [luminance(over(rgba(color), background)), luminance(background)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const check = (e, style, what) => {
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const want = size >= 24 || bold && size >= 18.66 ? 3 : 4.5;
    const got = contrast(e, style.color, behind(e));
    if (got < want) wrong.push(`${what} has a contrast of ${got.toFixed(2)}, want ${want}: ${name(e)}`);
  };
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || e.closest("svg, .skip")) continue;
    const text = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (text || e.matches("input:not([type=checkbox], [type=radio]), select")) check(e, getComputedStyle(e), "text");
    if (e.placeholder) check(e, getComputedStyle(e, "::placeholder"), "placeholder");
    // The edge of an input, 1.4.11: 3.
    if (e.matches("input:not([type=checkbox], [type=radio]), select")) {
      const edge = contrast(e, getComputedStyle(e).borderTopColor, behind(e.parentElement));
      if (edge < 3) wrong.push(`the edge has a contrast of ${edge.toFixed(2)}, want 3: ${name(e)}`);
    }
  }
  return [...new Set(wrong)];
})()

// Shows pictures of one size side by side, and two of them in one place: one zoom and pan for all, and each one's
// absolute error against the first on one scale. The value is {pictures: [{name, uri, caption, tip}], note}; in place of
// a uri, `of` holds the numbers of two pictures before it, whose difference is shown. Optional: `behind`, the names of the
// codecs that are folded behind each model; `waiting`, names that are being computed; `stamp`, when it was asked for.
// `element`, `props` and `watch` are Gradio's. The files viewer-*.js follow, in the order of their names. Errors are computed here, from the very bytes that are shown.
const root = element.querySelector(".vq-viewer");
const find = (name) => root.querySelector(`.vq-${name}`);
const cards = find("cards"), stage = find("stage"), beside = find("beside"), divider = find("divider");
const scaleInput = find("scale"), errorsInput = find("errors");
const picks = [find("one"), find("two")];
const LOUPE = 17, MOST = 64; // pixels in the loupe; pixels of the screen that a pixel of the picture has at most
const BAR = 80; // pixels of the page: the bar that stays in sight above
const view = { scale: null, x: 0, y: 0 };
const limits = { heat: { value: 64, min: 8, max: 255 }, tolerance: { value: 16, min: 0, max: 64 } };
const unfolded = new Map(); // name of a model whose codecs are shown -> true
let shown = []; // [{name, uri, card, image, error, pixels, of}], in the order of the value; `of` holds two others
let mode = "all", split = 0.5, second = false, held = false, timer = null, loupe = false;

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

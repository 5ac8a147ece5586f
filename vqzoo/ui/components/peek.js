// The picture of the point that is pointed at in a Plotly figure. The value is {name, uri, caption}; `element`, `props`,
// `watch` and `trigger` are Gradio's. A picture is asked for once the pointer rests, and again after a new comparison.
const card = element.querySelector(".peek");
const host = document.querySelector(card.dataset.figure);
const REST = 120; // milliseconds
const LABEL = 64; // pixels above and below a point, for Plotly's own label
let name = null, at = [0, 0], timer = null;

function hide() {
  clearTimeout(timer);
  name = null;
  card.hidden = true;
}

function show() {
  const value = props.value;
  if (!name || !value || value.name !== name) { card.hidden = true; return; }
  card.querySelector("img").src = value.uri;
  card.querySelector("img").alt = `the photograph through ${name}`;
  card.querySelector("figcaption").textContent = value.caption;
  card.hidden = false;
  const left = Math.min(Math.max(4, at[0] - card.offsetWidth / 2), window.innerWidth - card.offsetWidth - 4);
  const above = at[1] - card.offsetHeight - LABEL;
  card.style.left = `${left}px`;
  card.style.top = `${above > 4 ? above : at[1] + LABEL}px`;
}

function listen() {
  const plot = host.querySelector(".js-plotly-plot");
  if (!plot || !plot.on || plot.peeked) return;
  plot.peeked = true;
  plot.on("plotly_hover", (event) => {
    const point = event.points[0];
    if (!point.text || point.text === name) return;
    hide();
    name = point.text;
    at = [event.event.clientX, event.event.clientY];
    timer = setTimeout(() => trigger("select", { name }), REST);
  });
  plot.on("plotly_unhover", hide);
}

// Gradio draws a figure anew into another element; a listener waits for the pointer and not for that.
host.addEventListener("pointerover", listen);
watch("value", show);

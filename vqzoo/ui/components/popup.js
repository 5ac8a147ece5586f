// What was just picked, shown beside the pointer: a copy of the first of the element's content, which stands below the
// grid and the map as a whole. `element`, `props` and `watch` are Gradio's.
const card = document.createElement("div");
card.className = "cb-popup";
card.hidden = true;
card.setAttribute("aria-hidden", "true"); // all of it can be read below
element.closest(".gradio-container").append(card);
const AWAY = 80; // pixels after which it goes
let clicked = null, at = [0, 0];

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#codebook-tokens, #codebook-map, #codebook-most")) return;
  clicked = [event.clientX, event.clientY];
  card.hidden = true;
}, true);
document.addEventListener("pointermove", (event) => {
  if (!card.hidden && Math.hypot(event.clientX - at[0], event.clientY - at[1]) > AWAY) card.hidden = true;
});
document.addEventListener("scroll", () => { card.hidden = true; }, true);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") card.hidden = true; });

watch("value", () => {
  if (!clicked || !props.value) return;
  at = clicked;
  clicked = null;
  card.innerHTML = props.value;
  card.hidden = false;
  const left = at[0] + 18 + card.offsetWidth < window.innerWidth ? at[0] + 18 : at[0] - 18 - card.offsetWidth;
  card.style.left = `${Math.max(4, left)}px`;
  card.style.top = `${Math.max(4, Math.min(at[1] + 12, window.innerHeight - card.offsetHeight - 8))}px`;
});

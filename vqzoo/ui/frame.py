"""What is around the pages: a title, a switch for light and dark, and a line at the foot."""

import gradio as gr

from vqzoo.ops.version import __version__

TITLE = "vqzoo"
TAGLINE = "Image tokenizers, side by side: the same photograph through every quantizer, at true bit rates."

HEAD = """
<meta name="description" content="Image tokenizers, side by side, at true bit rates">
<meta name="color-scheme" content="light dark">
<script>
// The mode that was chosen here last: on the page, and in the address, where Gradio looks for it.
(() => {
  if (window.vqzooTheme) return;  // Gradio puts the head in place, and once more
  window.vqzooTheme = true;
  const address = new URL(location.href);
  let chosen = null;
  try { chosen = localStorage.getItem("vqzoo-theme"); } catch {}
  if (chosen && !address.searchParams.has("__theme")) {
    address.searchParams.set("__theme", chosen);
    history.replaceState(null, "", address);
    document.body?.classList.toggle("dark", chosen === "dark");
  }
  document.documentElement.lang = "en";
  // Examples are buttons with a picture and no text: they get its file's name. An empty figure has a name and no role.
  new MutationObserver(() => {
    for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) empty.setAttribute("role", "img");
    for (const button of document.querySelectorAll(".gallery-item:not([aria-label])")) {
      const picture = button.querySelector("img")?.src;
      if (picture) button.setAttribute("aria-label", `example: ${picture.split("/").at(-1).split(".")[0]}`);
    }
  }).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#theme-switch")) return;
    const mode = document.body.classList.toggle("dark") ? "dark" : "light";
    try { localStorage.setItem("vqzoo-theme", mode); } catch {}
    // When the colours are on the screen: on a new address browsers look through all fields of all pages for forms.
    requestAnimationFrame(() => setTimeout(() => {
      const now = new URL(location.href);
      now.searchParams.set("__theme", mode);
      history.replaceState(null, "", now);
    }, 100));
  });
})();
</script>
"""

_HEADER = f"""
<div class="bar">
<a class="skip" href="#pages">Skip to the pages</a>
<div class="title"><h1>{TITLE}</h1><p>{TAGLINE}</p></div>
<button type="button" id="theme-switch" aria-label="switch between light and dark" title="light or dark">◐</button>
</div>
"""

_FOOTER = f"""
<div class="bar">
<span>vqzoo {__version__}</span>
<span>Protocol “lossless”: reconstructions rounded to bytes, nothing resized or compressed, true bits.</span>
<span>Photographs stay on the machine that runs this app.</span>
</div>
"""


def header() -> None:
    """Lay out the header above the pages."""
    gr.HTML(_HEADER, elem_id="header", apply_default_css=False)


def working() -> gr.HTML:
    """Lay out the line in the corner of the window that shows the progress of running events."""
    return gr.HTML("", elem_id="working", apply_default_css=False)


def footer() -> None:
    """Lay out the footer below the pages, above Gradio's own."""
    gr.HTML(_FOOTER, elem_id="footer", apply_default_css=False)

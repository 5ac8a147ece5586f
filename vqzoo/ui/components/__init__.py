"""Components that Gradio does not have, each a gr.HTML with a script and a style of its own."""

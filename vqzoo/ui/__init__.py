"""The app: pages that show what tokenizers do; gradio is imported here and in app.py alone."""

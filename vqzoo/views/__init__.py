"""What the app's pages show, computed from models and photographs: everything of a page but its components."""

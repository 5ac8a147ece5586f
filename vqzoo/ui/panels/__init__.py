"""Parts of the page that compares, one file each; every one has a NAME and a build."""

"""Pure functions that measure images, codebooks and rates. Images are uint8, so metrics describe the displayed image.

`vqzoo.metrics.table` lists the metrics; it imports their functions on demand and does not need torch.

Protocol "lossless": reconstructions are clamped and rounded to bytes, and nothing is resized or compressed. Metrics are
computed per image and averaged over images, except Frechet distances, which compare whole sets. Protocol "cvq-jpeg"
(`vqzoo.metrics.cvq_jpeg`) reproduces the measurements in the tables of two papers, for comparison with these only.
"""

PROTOCOL = "lossless"

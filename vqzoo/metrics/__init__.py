"""Pure functions that measure images, codebooks and rates. Images are uint8, so a number is that of what one sees.

`vqzoo.metrics.table` lists the metrics; functions are imported from their modules, so that the table needs no torch.

Protocol "lossless": reconstructions are clamped and rounded to bytes, nothing is resized or compressed, every metric is
computed per image and then averaged over images, but for the Frechet distances, which compare whole sets. Protocol
"cvq-jpeg" (`vqzoo.metrics.cvq_jpeg`) repeats the way in which the tables of two papers were measured, for those alone.
"""

PROTOCOL = "lossless"

"""Train and measure the rows of the studies: `python -m trainers.studies run looc.table5 --budget short`."""

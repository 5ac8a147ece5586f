"""The studies' rows trained and measured: `python -m trainers.studies run looc.table5 --budget short`."""

"""The studies' rows trained and measured: `python -m vqzoo.studies run looc.table5 --budget short`."""

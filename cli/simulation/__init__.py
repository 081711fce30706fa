"""`jobstream simulate`: order blackjack simulations, watch them, and read, compare, sweep and re-price their results.

It reads request files, options and what the gateway answers; it sends requests and writes tables, JSON, CSV and reports.
It promises that standard output holds the result and nothing else, and that the gateway alone decides what is valid.
"""

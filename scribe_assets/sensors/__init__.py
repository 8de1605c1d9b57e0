"""What watches S3 and the runs: it starts the runs that follow, and writes down how they ended.

A sensor here reads what there is, decides by a cursor, and asks for runs; each of its ticks ends
within Dagster's 60 s, and one recording's fault never holds up the others.

Not here: what a run does (`assets`), which event may change a status (`library.status`), where an
object lies and how it is read (`storage`), and how runs are executed or retried (`launcher`).
"""

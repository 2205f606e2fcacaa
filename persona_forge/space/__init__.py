"""The mathematics of traits: what a persona can be, how many there are, and drawing them. Pure: no I/O.

model      what an ontology is
ontology   read one from a trait file
reason     why a combination is impossible, and what is wrong with an ontology
factors    integer tables over a few dimensions: multiply, slice, sum out
tabulate   relations and weights as tables
compile    bucket elimination: exact laws and exact counts, given what a seed pins and withholds
hidden     how many different vectors can be seen when some dimensions are withheld
sample     rows of a law, all different, with their ids
tiles      … the compiled loop
exhaust    … when a law is nearly or wholly used up
alias      drawing a value from one random word
identity   the ids of personas
philox     counter-based random numbers
calibrate  weights fitted so that all rows together have the shares wanted
targets    … what is wanted, how near it came, and why not nearer
mixture    … the law of many seeds together
reach      … what no weights can change
tilts      … fitted weights as rows to seal
cover      covering arrays: every feasible t-tuple in few rows
cover_seeds … laid over seeds; cover_file: from a trait file or a PICT model; cover_rules, _groups, _table, _row, _fewer
pict       read a model in PICT's language
"""

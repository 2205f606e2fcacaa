"""The mathematics of traits: what a persona can be, how many there are, and drawing them. Pure: no I/O.

ontology   read a trait file: dimensions, values, relations, conditional weights
reason     why a combination is impossible, and what is wrong with an ontology
factors    integer tables over a few dimensions: multiply, slice, sum out
compile    bucket elimination: exact laws and exact counts, given what a seed pins and withholds
hidden     how many different vectors can be seen when some dimensions are withheld
philox     counter-based random numbers
sample     rows of a law, all different, with their ids
exhaust    rows of a law that is nearly or wholly used up
"""

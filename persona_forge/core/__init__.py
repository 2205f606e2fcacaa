"""The ground floor: errors, ids, tables, stages, ports. It imports nothing of ours."""

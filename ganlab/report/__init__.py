"""Self-contained HTML pages from templates: runs, evidence, sweeps, data sets, blinded readings."""

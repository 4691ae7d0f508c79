"""The parts that `lmbench.report.svg` draws charts with."""

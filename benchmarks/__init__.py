"""Speed and cost of imagestore beside the real Glance and the limits of the machine.

``python -m benchmarks`` measures all of them in one run, interleaved, and prints one
table of ratios. See docs/benchmarks.md.
"""

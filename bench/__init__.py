"""Benchmarks: Framewire beside bare programs that do only the same, in one run. `./dev bench [PART...]`."""

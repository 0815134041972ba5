module example.com/tidemark-bench-panicparse

go 1.24.0

require github.com/maruel/panicparse/v2 v2.5.0

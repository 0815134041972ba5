module example.com/tidemark-heapscale

go 1.20

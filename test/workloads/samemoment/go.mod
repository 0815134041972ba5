module example.com/tidemark-samemoment

go 1.20

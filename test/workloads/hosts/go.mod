module example.com/tidemark-hosts

go 1.24

module example.com/tidemark-hosts

go 1.25

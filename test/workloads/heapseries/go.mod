module example.com/heapseries

go 1.22

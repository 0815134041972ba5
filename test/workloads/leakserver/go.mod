module example.com/leakserver

go 1.22

module example.com/goroutinedump

go 1.22

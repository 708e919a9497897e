module msb

go 1.24

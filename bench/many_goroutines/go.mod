module standstill.example/many_goroutines

go 1.18

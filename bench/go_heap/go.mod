module standstill.example/go_heap

go 1.18

module github.com/refgrow-go/refgrow/benchmarks

go 1.26.0

require (
	github.com/refgrow-go/refgrow v0.0.0
	modernc.org/sqlite v1.60.1
)

replace github.com/refgrow-go/refgrow => ../

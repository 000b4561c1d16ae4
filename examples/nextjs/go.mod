// No Go is here. This keeps what npm puts into node_modules out of the root's ./...
module github.com/refgrow-go/refgrow/examples/nextjs

go 1.26.0

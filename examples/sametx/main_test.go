package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
)

func Example() {
	dir, err := os.MkdirTemp("", "refgrow-sametx")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(context.Background(), os.Stdout, filepath.Join(dir, "app.db")); err != nil {
		log.Fatal(err)
	}
	// Output:
	// order in_1 over 49.00 USD: committed
	//   in the database: orders 1, conversions 1, Jane's earnings 9.80 USD
	// order in_2 over 250.00 USD: rolled back: the card was declined
	//   in the database: orders 1, conversions 1, Jane's earnings 9.80 USD
}

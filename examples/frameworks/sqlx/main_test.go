package main

import (
	"testing"

	"github.com/refgrow-go/refgrow/examples/frameworks/internal/trial"
)

func TestShop(t *testing.T) {
	t.Parallel()
	trial.Shop(t, run)
}

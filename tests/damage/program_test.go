package damage_test

import "github.com/refgrow-go/refgrow/internal/shoptest"

// A program is shoptest's, with what the tests here do to it.
type program struct{ *shoptest.Program }

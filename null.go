package refgrow

import "github.com/refgrow-go/refgrow/internal/form"

// A Null is a field with three states: absent (the zero value: leave it as it
// is), null (clear it), or a value.
type Null[T any] struct {
	value *T
	given bool
}

// Set makes a Null with a value.
func Set[T any](value T) Null[T] { return Null[T]{value: &value, given: true} }

// Clear makes a Null that is null.
func Clear[T any]() Null[T] { return Null[T]{given: true} }

// Given reports whether the field is present, whether as null or as a value.
func (n Null[T]) Given() bool { return n.given }

// Value returns the value, or nil if the field is absent or null.
func (n Null[T]) Value() *T { return n.value }

// apply changes field unless n is absent.
func (n Null[T]) apply(field **T) {
	if n.given {
		*field = n.value
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// givenText checks and trims the text of a three-state field: null clears it, an empty
// text is refused because it could mean either.
func givenText(field string, text *Null[string]) error {
	if text.Value() == nil {
		return nil
	}
	*text = Set(form.Trim(*text.Value()))
	if *text.Value() == "" {
		return invalid(field, "must not be empty: leave it out, or clear it with null")
	}
	return at(field, form.Text(*text.Value(), form.MaxText))
}

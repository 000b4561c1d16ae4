package refgrow

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

// Given reports whether the field is present, be it null or a value.
func (n Null[T]) Given() bool { return n.given }

// Value gives the value, or nil when the field is absent or null.
func (n Null[T]) Value() *T { return n.value }

// apply changes field unless n is absent.
func (n Null[T]) apply(field **T) {
	if n.given {
		*field = n.value
	}
}

func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}

// idOrNull is how the database keeps an id that may be none.
func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func numberOrNull(n int) *int64 { return idOrNull(int64(n)) }

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// flag is a truth as the database keeps it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

package interop

import (
	"fmt"
	"net/http"

	"github.com/anishathalye/porcupine"
)

// What is asked of a reference.
type verb string

const (
	creates verb = "create"
	gets    verb = "get"
	updates verb = "update"
	deletes verb = "delete"
	looks   verb = "look" // at the affiliate who is credited with this reference alone
)

// A question is a call about a reference.
type question struct {
	verb      verb
	reference int
	id        int64 // of the conversion; 0 if the call names none
	value     int64 // the value that is written
}

// A response is what came back: the conversion with its value, or the affiliate's
// purchases and earnings.
type response struct {
	status    int
	id        int64
	value     int64
	purchases int64
}

// A register is what a reference is, seen from outside: a conversion that exists or
// not.
type register struct {
	there bool
	id    int64 // that it has, or had before it was deleted
	value int64
}

// step reports whether a response can be right, and returns what the reference is
// afterwards.
func (r register) step(q question, a response) (bool, register) {
	named := r.there && r.id == q.id
	switch q.verb {
	case creates:
		if a.status == http.StatusConflict {
			return r.there, r
		}
		return a.status == http.StatusCreated && !r.there && a.id > r.id && a.value == q.value,
			register{true, a.id, q.value}
	case looks:
		if !r.there {
			return a.status == http.StatusOK && a.purchases == 0 && a.value == 0, r
		}
		return a.status == http.StatusOK && a.purchases == 1 && a.value == r.value, r
	case gets, updates, deletes:
		if a.status == http.StatusNotFound {
			return !named, r
		}
	}
	switch q.verb {
	case gets:
		return a.status == http.StatusOK && named && a.id == q.id && a.value == r.value, r
	case updates:
		return a.status == http.StatusOK && named && a.id == q.id && a.value == q.value, register{true, r.id, q.value}
	case deletes:
		return a.status == http.StatusNoContent && named, register{false, r.id, 0}
	case creates, looks:
	}
	return false, r
}

// registers is the model of all references, each on its own.
func registers() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			var parts [][]porcupine.Operation
			for _, o := range history {
				reference := o.Input.(question).reference
				for len(parts) <= reference {
					parts = append(parts, nil)
				}
				parts[reference] = append(parts[reference], o)
			}
			return parts
		},
		Init: func() any { return register{} },
		Step: func(state, input, output any) (bool, any) {
			right, next := state.(register).step(input.(question), output.(response))
			return right, next
		},
		DescribeOperation: func(input, output any) string {
			q, a := input.(question), output.(response)
			return fmt.Sprintf("%s %d = %d: %d %d = %d (%d)",
				q.verb, q.id, q.value, a.status, a.id, a.value, a.purchases)
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

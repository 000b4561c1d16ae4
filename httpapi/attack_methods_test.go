package httpapi_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// TestAttackEveryMethod is TestAttackEveryRoute without HTTP, for apps that take ids
// from their users: every method of a project and of its handles gets every id and text
// of another one, in its arguments and in the fields of its params. It returns the same in a database
// where these never existed, and what names an id is not found.
func TestAttackEveryMethod(t *testing.T) {
	t.Parallel()
	single(t)
	w := &twins{with: besiege(t, true, false), without: besiege(t, false, false)}
	w.harvest(t)
	before := w.with.rowsOf(t, w.with.victim)
	// These call the app's function, with a project whose methods are attacked too.
	// Reports have what the lists have that the other two methods of runs return.
	app := []string{"Atomic", "Once", "WithTx", "MakeReport", "PreviewReport"}
	methods := slices.DeleteFunc(methodsOfProjects(), func(m method) bool { return slices.Contains(app, m.Name) })
	byID := 0
	for _, method := range methods {
		for _, id := range w.ids {
			if a, names := w.arguments(t, method, id, ""); names {
				byID++
				err := w.call(t, method, a, id)
				// CountDeliveries of an unknown webhook counts none.
				if method.takesID() && !errors.Is(err, refgrow.ErrNotFound) && method.Name != "CountDeliveries" {
					t.Fatalf("%s of %s returns %v", method.Name, id, err)
				}
			}
		}
	}
	// Then the names, first with the methods that look for something: what the attacker
	// names is the attacker's own.
	for _, naming := range []bool{false, true} {
		for _, method := range methods {
			if naming != (strings.HasPrefix(method.Name, "Create") || method.Name == "Rename") {
				continue
			}
			for _, text := range w.texts {
				if a, names := w.arguments(t, method, "", text); names && method.Name+text != "Renamevictim" {
					_ = w.call(t, method, a, text) // whether it is an error is the same in both
				}
			}
		}
	}
	if byID < 40*len(w.ids) {
		t.Errorf("only %d calls have an id", byID)
	}
	for _, s := range []*siege{w.with, w.without} {
		must(t, s.engine.FlushClicks(t.Context()))
	}
	same(t, "a method has changed", w.with.rowsOf(t, w.with.victim), before)
	same(t, "the victim has made a difference to", w.with.rowsOf(t, w.with.attacker, made()...),
		w.without.rowsOf(t, w.without.attacker, made()...))
}

// A method is one of a project, or of a handle that one of its methods gives.
type method struct {
	reflect.Method

	handle func(*refgrow.Project) reflect.Value
}

// methodsOfProjects are those of a project and of all its handles. What gives a handle
// takes nothing, and cannot fail.
func methodsOfProjects() (all []method) {
	project := reflect.TypeFor[*refgrow.Project]()
	for m := range project.Methods() {
		if m.Type.NumIn() > 1 || m.Type.NumOut() != 1 || m.Type.Out(0).Kind() != reflect.Pointer {
			all = append(all, method{m, func(p *refgrow.Project) reflect.Value { return reflect.ValueOf(p) }})
			continue
		}
		handle := func(p *refgrow.Project) reflect.Value {
			return m.Func.Call([]reflect.Value{reflect.ValueOf(p)})[0]
		}
		for of := range m.Type.Out(0).Methods() {
			all = append(all, method{of, handle})
		}
	}
	return all
}

// takesID reports whether a method is about a thing by its id.
func (method method) takesID() bool {
	return method.Type.NumIn() > 2 && method.Type.In(2).Kind() == reflect.Int64
}

// arguments returns those of a method, with an id or a text wherever there is room for
// one, and reports whether there was any.
func (w *twins) arguments(t *testing.T, method method, id, text string) (all []reflect.Value, names bool) {
	t.Helper()
	number, _ := strconv.ParseInt(id, 10, 64)
	for i := 1; i < method.Type.NumIn(); i++ {
		if method.Type.IsVariadic() && i == method.Type.NumIn()-1 {
			break
		}
		var value reflect.Value
		switch of := method.Type.In(i); of {
		case reflect.TypeFor[context.Context]():
			value = reflect.ValueOf(t.Context())
		case reflect.TypeFor[int64]():
			value, names = reflect.ValueOf(number), names || id != ""
		case reflect.TypeFor[string]():
			value, names = reflect.ValueOf(text), names || text != ""
		case reflect.TypeFor[[]refgrow.Click]():
			value, names = reflect.ValueOf([]refgrow.Click{{ReferralCode: "attacker-BOB"}, {ReferralCode: text}}),
				names || text != ""
		default:
			value = reflect.New(of).Elem()
			for _, right := range rightOnes() {
				if reflect.TypeOf(right) == of {
					value.Set(reflect.ValueOf(right))
				}
			}
			if of.Kind() == reflect.Struct && fill(value, number, text) {
				names = true
			}
		}
		all = append(all, value)
	}
	return all, names
}

// rightOnes are arguments that methods accept.
func rightOnes() []any {
	return []any{
		refgrow.EventReferralConverted, refgrow.PayPalFile, money.USD,
		2026, time.January, time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC),
		refgrow.ReturnPayoutParams{Note: "a closed account"},
		refgrow.CreateAdjustmentParams{Amount: money.New(1, money.USD), Note: "a prize"},
		refgrow.CreateCouponParams{Code: "attacker-new"},
		refgrow.CreateReferralParams{Email: "attacker-new@example.com"},
		refgrow.RecordConversionParams{Type: refgrow.Signup},
		refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateActive)},
		refgrow.UpdateConversionParams{Paid: new(true)},
		refgrow.UpdateReferralParams{Status: new(refgrow.ReferralPending)},
		refgrow.UpdateWebhookParams{Status: new(refgrow.WebhookActive)},
		refgrow.CreateWebhookParams{URL: "https://example.com/"},
		refgrow.CreateAffiliateParams{Email: "attacker-new@example.com"},
		refgrow.CreateRuleParams{Product: "attacker-new", Commission: refgrow.Percent("1")},
	}
}

// fill puts an id or a text into the fields of params.
func fill(params reflect.Value, id int64, text string) (names bool) {
	for _, field := range params.Fields() {
		if !field.CanSet() {
			continue
		}
		switch v := field.Addr().Interface().(type) {
		case *int64:
			if id != 0 {
				*v, names = id, true
			}
		case **int64:
			if id != 0 {
				*v, names = &id, true
			}
		case *refgrow.Null[int64]:
			if id != 0 {
				*v, names = refgrow.Set(id), true
			}
		case *[]int64:
			if id != 0 {
				*v, names = []int64{id}, true
			}
		case *string:
			if text != "" {
				*v, names = text, true
			}
		case *refgrow.Customer:
			// A field that takes several gets a different one each time.
			switch {
			case id != 0:
				v.ID, names = id, true
			case strings.Contains(text, "@"):
				v.Email, names = text, true
			case text != "":
				v.ExternalID, names = text, true
			}
		}
	}
	return names
}

// call calls a method of the attacker's project in both databases and compares the
// results.
func (w *twins) call(t *testing.T, method method, arguments []reflect.Value, given string) error {
	t.Helper()
	w.calls++
	var got [2][]any
	var failed error
	for i, s := range []*siege{w.with, w.without} {
		for _, value := range method.Func.Call(append([]reflect.Value{method.handle(s.attacker)}, arguments...)) {
			if value.Type().CanSeq2() && value.Kind() == reflect.Func {
				for item, err := range value.Seq2() {
					got[i] = append(got[i], item.Interface(), err.Interface())
				}
				continue
			}
			v := value.Interface()
			if webhook, ok := v.(*refgrow.Webhook); ok && webhook != nil {
				webhook.Secret = "" // is random
			}
			got[i] = append(got[i], v)
		}
	}
	for _, v := range got[0] {
		if err, is := v.(error); is {
			failed = err
		}
	}
	if !reflect.DeepEqual(got[0], got[1]) {
		t.Fatalf("%s of %s reveals whether there is a victim:\n%+v\n%+v", method.Name, given, got[0], got[1])
	}
	return failed
}
